"""What a scan of processes needs of the kernel, and what it passes over."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from optimux.host.handover import picture as pictures
from optimux.host.handover import processes
from optimux.host.handover.nodes import Sysfs
from optimux.host.handover.picture import look
from optimux.host.handover.processes import Scan
from tests.detect.tree import put
from tests.handover.machine import CARD

if TYPE_CHECKING:
    pass


@pytest.mark.parametrize(
    ("machine", "answer", "number", "compares"),
    [
        *(("x86_64", 0, 0, True), ("aarch64", 0, 0, True), ("riscv64", 0, 0, False)),
        *(("x86_64", -1, errno.ENOSYS, False), ("x86_64", -1, errno.EPERM, False), ("x86_64", -1, errno.EINVAL, True)),
    ],
)
def test_where_the_kernel_compares_tables(
    machine: str, answer: int, number: int, compares: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ctypes

    asked: list[tuple[int, ...]] = []

    def call(*words: int) -> int:
        asked.append(words)
        return answer

    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(machine=machine))
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: SimpleNamespace(syscall=call))
    monkeypatch.setattr(ctypes, "get_errno", lambda: number)
    same = processes._same_table()
    assert (same is not None) == compares
    if same:
        assert same(7, 8) == (answer == 0)
        assert asked[-1] == ({"x86_64": 312, "aarch64": 272}[machine], 7, 8, 2, 0, 0)


def test_a_thread_of_the_kernels_has_no_mounts(tmp_path: Path) -> None:
    for pid, name in ((7, "exe"), (8, "other")):
        (tmp_path / f"proc/{pid}/fd").mkdir(parents=True)
        (tmp_path / f"proc/{pid}/task/{pid}").mkdir(parents=True)
        put(tmp_path, f"/proc/{pid}/{name}", "")
    scan = Scan((), str(tmp_path))
    assert scan.run() == ()
    assert scan.mounts == {7: 7}


def test_a_look_at_this_machine_is_live(monkeypatch: pytest.MonkeyPatch, machine: Path) -> None:
    seen: list[bool] = []

    def incomplete(scan: Scan, sysfs: Sysfs, *, live: bool) -> tuple[str, ...]:
        seen.append(live)
        return ()

    monkeypatch.setattr(pictures, "_incomplete", incomplete)
    look(CARD, str(machine))
    look(CARD)
    assert seen == [False, True]
