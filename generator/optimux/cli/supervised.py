"""Work in a child process, so that signals end it at once and nothing of it stays.

An exception that a signal handler raises arrives anywhere: in a finaliser, where Python drops it, or within a library's
event loop. Here the work is killed instead, and its machines with it (see vm.process); this process, which does
nothing but wait, then removes what was left.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from optimux.cli.report import report_error
from optimux.files.scratch import scratch, settle_in
from optimux.vm.qemu.process import dies_with_parent

if TYPE_CHECKING:
    from collections.abc import Callable

_ENDING = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
_PR_SET_CHILD_SUBREAPER = 36  # prctl(2)
_SHELL = 128  # and a signal's number: how shells report what it ended


class Scratch:
    """The work's own folder, which goes with it; ``keep`` is said in the child and heard in the parent."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._kept = mmap.mmap(-1, 1)

    def keep(self) -> None:
        """Leave the folder where it is."""
        self._kept[0] = 1

    @property
    def is_kept(self) -> bool:
        """Whether that was said."""
        return bool(self._kept[0])


def supervised(work: Callable[[Scratch], int], prefix: str) -> int:
    """The exit code of ``work``, which has a folder whose name begins with ``prefix`` for all temporary files.

    Raises ``KeyboardInterrupt`` or ``SystemExit`` for a signal, after the work's end.
    """
    _open_descriptors()
    before: set[int] = signal.pthread_sigmask(signal.SIG_BLOCK, {*_ENDING, signal.SIGCHLD})
    with scratch(prefix) as made:
        own = Scratch(made.folder.path)
        status, ended = _run(work, own, before)
        if own.is_kept and not ended:
            made.keep()
    if status == _SHELL + signal.SIGINT:
        raise KeyboardInterrupt
    if ended:
        raise SystemExit(status)  # a second signal has nothing left to end
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return status


def _run(work: Callable[[Scratch], int], own: Scratch, mask: set[int]) -> tuple[int, bool]:
    """Exit code of the child that does it, and whether a signal ended it."""
    _adopt_orphans(True)
    try:
        sys.stdout.flush()
        die_with_parent = dies_with_parent()
        child = os.fork()
        if child == 0:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            _work(work, own, die_with_parent)
        return _wait(child)
    finally:
        _adopt_orphans(False)


def _work(work: Callable[[Scratch], int], own: Scratch, die_with_parent: Callable[[], None]) -> NoReturn:
    """In the child: never returns into the parent's frames."""
    code = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to both; the parent acts on it
        die_with_parent()
        settle_in(own.path)
        code = work(own)
        sys.stdout.flush()
    except BaseException as error:
        code = report_error(error, debug=click.get_current_context().find_root().params["debug"])
    finally:
        os._exit(code)


def _wait(child: int) -> tuple[int, bool]:
    """Exit code, and whether a signal ended the work."""
    while True:
        number = signal.sigwait({*_ENDING, signal.SIGCHLD})
        if number in _ENDING:
            _end(child)
            return _SHELL + number, True
        status = _reaped(child)
        if status is not None:
            code = os.waitstatus_to_exitcode(status)
            return (code, False) if code >= 0 else (_SHELL - code, True)


def _reaped(child: int) -> int | None:
    """The child's status once it has ended. Orphans that ended too are buried: who started them waits for that."""
    found = None
    while True:
        try:
            done, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if not done:
            return found
        if done == child:
            found = status


def _end(child: int) -> None:
    """Kill the work; its machines die with it, by their own wish, and are waited for."""
    os.kill(child, signal.SIGSTOP)  # so that it starts no further one
    machines = _children(child)
    os.kill(child, signal.SIGKILL)
    for process in (child, *machines):
        try:
            os.waitpid(process, 0)
        except ChildProcessError:
            continue


def _children(process: int) -> list[int]:
    """Those of its only thread (proc(5); the kernel may be built without the file)."""
    try:
        return [int(word) for word in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    except OSError:
        return []


def _open_descriptors() -> None:
    """Where 0, 1 or 2 is closed the next file would get its number, and a child's standard streams would replace it."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        continue
    os.close(descriptor)


def _adopt_orphans(adopts: bool) -> None:
    """Whether what a dead child leaves running becomes a child of this process."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, int(adopts))
