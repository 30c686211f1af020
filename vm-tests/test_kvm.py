"""The same code under a KVM that runs guests: the first level's, by emulated hardware where there is no other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from first_level.machine import Level

_SECONDS = 180


@pytest.fixture
def kvm(by_id: Level) -> Level:
    if not by_id.call("second_level.has_kvm", _SECONDS):
        pytest.skip("the first level has no /dev/kvm: its processor emulates no virtualisation")
    return by_id


def test_the_probe_finds_it(kvm: Level) -> None:
    assert kvm.call("bench.accelerator", _SECONDS) == "KVM"


def test_table_bytes(kvm: Level) -> None:
    kvm.call("table_bytes.table_is_there", _SECONDS, firmware="seabios", variant="full", folder="/tmp/table-bytes")


def test_twin_a_flipped_byte(kvm: Level) -> None:
    kvm.call("table_bytes.a_flipped_byte", _SECONDS, firmware="seabios", folder="/tmp/flipped-byte")


def test_battery_in_linux(kvm: Level) -> None:
    kvm.call("battery_in_linux.battery_is_full", _SECONDS, variant="full", folder="/tmp/battery-in-linux")
