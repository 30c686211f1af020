"""One process that has loaded the product and collected the tests; each fault is tried in a fork of it.

Most faults are in functions, and are put into those that exist. What ran while a module was loaded cannot be tried so.
"""

from __future__ import annotations

import os
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from lab.mutation.runner import become_pytest, tail, wait
from lab.mutation.swap import changed_functions, functions_below, put_in

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import FunctionType

    import pytest

_SURVIVED, _NOTICED, _UNABLE = 0, 1, 70


class Server:
    """The process, from the side of whoever asks; ``stop`` ends it. Raises ``RuntimeError`` where tests do not load."""

    def __init__(self, selection: Sequence[str], scratch: Path) -> None:
        self._ours, theirs = Pipe()
        output = scratch / "server"
        self._child = os.fork()
        if not self._child:
            self._ours.close()
            become_pytest(selection, scratch, output, [_Served(theirs, scratch)])
        theirs.close()
        try:
            self._ours.recv()
        except EOFError:
            os.waitpid(self._child, 0)
            raise RuntimeError(f"the tests cannot be collected:\n{tail(output)}") from None

    def notice(self, fault: Fault) -> bool:
        """Whether a test notices the fault; ``False`` also where it cannot be tried so."""
        self._ours.send(fault)
        return bool(self._ours.recv())

    def stop(self) -> None:
        """End it."""
        self._ours.close()
        os.waitpid(self._child, 0)


class Fault(NamedTuple):
    """A file with its text before and with a fault, the tests in their order, and when they are taken for endless."""

    file: str
    whole: str
    faulty: str
    tests: list[str]
    seconds: float


class _Served:
    """A plugin: where pytest would run the tests, the faults are tried."""

    def __init__(self, asked: Connection, scratch: Path) -> None:
        self._asked, self._scratch = asked, scratch

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = {item.nodeid: item for item in session.items}
        functions = functions_below(str(self._scratch / "generator"))
        self._asked.send("ready")
        while True:
            try:
                fault: Fault = self._asked.recv()
            except EOFError:
                return True
            child = os.fork()
            if not child:
                _try(session, [items[test] for test in fault.tests if test in items], functions, fault)
            self._asked.send(wait(child, fault.seconds) not in (_SURVIVED, _UNABLE))


def _try(
    session: pytest.Session, items: list[pytest.Item], functions: dict[str, list[FunctionType]], fault: Fault
) -> NoReturn:
    code = _UNABLE
    try:
        os.setsid()
        loaded = functions.get(fault.file, [])
        codes = changed_functions(fault.file, fault.whole, fault.faulty)
        if not loaded or codes is not None:  # what is not loaded yet is read from the file
            put_in(loaded, codes or {})
            code = _NOTICED if _is_noticed(session, items) else _SURVIVED
    finally:
        os._exit(code)


def _is_noticed(session: pytest.Session, items: list[pytest.Item]) -> bool:
    for item, following in zip(items, [*items[1:], None], strict=True):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed:
            break
    session._setupstate.teardown_exact(None)  # what a failed one has left open, a daemon perhaps
    return bool(session.testsfailed)
