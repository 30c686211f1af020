"""What the module costs an evaluation, in thunks: the same number on every machine."""

from __future__ import annotations

import pytest

from bench.nix import MOST_FURTHER, MOST_THUNKS, cost
from lab.nix.evaluator import need_lib


def added(vms: int) -> int:
    return cost(True, vms).thunks - cost(False, vms).thunks


@pytest.fixture(autouse=True)
def _lib() -> None:
    need_lib()


def test_one_vm() -> None:
    assert 0 < added(1) <= MOST_THUNKS


def test_each_further_vm_costs_the_same() -> None:
    one, two, ten = added(1), added(2), added(10)
    assert two - one <= MOST_FURTHER
    assert (ten - two) / 8 <= 1.05 * (two - one)
    assert two - one > 1000, "every VM is looked at"
