"""A first-level machine whose emulator crashes is booted again, once, and says so."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from typing import Any

import pytest

from first_level.machine import Level
from optimux.vm.errors import Crashed, VmError


class _Run:
    """A machine, and whether its emulator has crashed."""

    crashed = False

    def check_alive(self) -> None:
        if self.crashed:
            raise Crashed("QEMU was killed by SIGSEGV", "")

    def failure(self, kind: type[VmError], message: str) -> VmError:
        return kind(message, "")


def _level(*crashes: bool) -> Level:
    """Of each machine: whether it crashes at the first call after it has settled."""
    each = iter(crashes)

    def boot() -> tuple[Any, socket.socket]:
        ours, theirs = socket.socketpair()
        run = _Run()
        threading.Thread(target=_agent, args=(theirs, run, next(each)), daemon=True).start()
        return run, ours

    return Level(boot)


def _agent(channel: socket.socket, run: _Run, crashes: bool) -> None:
    with contextlib.suppress(OSError), channel.makefile("rb") as lines:
        for line in lines:
            token, function, _ = json.loads(line)
            if crashes and function != "agent.settle":
                run.crashed = True
                return
            channel.sendall(json.dumps({"token": token, "result": function}).encode() + b"\n")


def test_a_call() -> None:
    assert _level(False).call("a.b", 10) == "a.b"


def test_a_crash_is_survived_with_a_warning() -> None:
    with pytest.warns(UserWarning, match=r"a\.b: QEMU was killed by SIGSEGV; once more on a new machine"):
        assert _level(True, False).call("a.b", 10) == "a.b"


def test_twin_two_crashes_are_not() -> None:
    level = _level(True, True)
    with pytest.warns(UserWarning, match="once more"), pytest.raises(Crashed):
        level.call("a.b", 10)


def test_twin_what_must_not_be_repeated() -> None:
    with pytest.raises(Crashed):
        _level(True, False).call("a.b", 10, repeat=False)
