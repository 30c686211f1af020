"""An L1 machine whose emulator crashes is booted again, once, and says so."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from lab.l1.clock import kilohertz
from lab.l1.machine import L1, quick
from optimux.vm.errors import AcceleratorFailed, Crashed, VmError


class _Run:
    """A machine, and whether its emulator has crashed."""

    crashed = False
    kind: type[VmError] = Crashed

    def __init__(self) -> None:
        self.process = SimpleNamespace(status=None)

    def check_alive(self) -> None:
        if self.crashed:
            self.process.status = 0 if self.kind is VmError else -11
            raise self.kind("QEMU was killed by SIGSEGV" if self.kind is Crashed else "QEMU ended", "")

    def failure(self, kind: type[VmError], message: str) -> VmError:
        return kind(message, "")


def _l1(*crashes: bool, kind: type[VmError] = Crashed) -> L1:
    """Of each machine: whether it crashes at the first call after it has settled, and what its run says then."""
    each = iter(crashes)

    def boot() -> tuple[Any, socket.socket]:
        ours, theirs = socket.socketpair()
        run = _Run()
        run.kind = kind
        threading.Thread(target=_agent, args=(theirs, run, next(each)), daemon=True).start()
        return run, ours

    return L1(boot)


def _agent(channel: socket.socket, run: _Run, crashes: bool) -> None:
    with contextlib.suppress(OSError), channel.makefile("rb") as lines:
        for line in lines:
            token, function, _ = json.loads(line)
            if crashes and function != "agent.settle":
                run.crashed = True
                return
            channel.sendall(json.dumps({"token": token, "result": function}).encode() + b"\n")


def test_a_call() -> None:
    assert _l1(False).call("a.b", 10) == "a.b"


def test_a_crash_is_survived_with_a_warning() -> None:
    with pytest.warns(UserWarning, match=r"a\.b: QEMU was killed by SIGSEGV; once more on a new machine"):
        assert _l1(True, False).call("a.b", 10) == "a.b"


def test_a_reset_without_a_word_is_one() -> None:
    """A triple fault of the emulated host; a machine that is off by the test's own doing is off the second time too."""
    with pytest.warns(UserWarning, match=r"a\.b: QEMU ended; once more on a new machine"):
        assert _l1(True, False, kind=VmError).call("a.b", 10) == "a.b"
    with pytest.warns(UserWarning, match="once more"), pytest.raises(Crashed):
        _l1(True, True, kind=VmError).call("a.b", 10)


def test_twin_a_machine_that_has_not_ended_is_told_as_it_is() -> None:
    l1 = _l1(True, kind=AcceleratorFailed)
    with pytest.raises(AcceleratorFailed):
        l1.call("a.b", 10)


def test_twin_two_crashes_are_not() -> None:
    l1 = _l1(True, True)
    with pytest.warns(UserWarning, match="once more"), pytest.raises(Crashed):
        l1.call("a.b", 10)


def test_twin_what_must_not_be_repeated() -> None:
    with pytest.raises(Crashed):
        _l1(True, False).call("a.b", 10, repeat=False)


def test_the_counter_s_rate_is_measured_again_as_it_was() -> None:
    """Also where others compute meanwhile; a kernel that measured it was wrong by a factor of seven."""
    before = kilohertz()
    kilohertz.cache_clear()
    assert abs(kilohertz() - before) <= before / 1000
    assert (f"tsc_early_khz={kilohertz()}" in quick()) == bool(before)
