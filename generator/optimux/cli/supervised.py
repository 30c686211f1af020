"""Work in a child process, so that signals end it at once and nothing of it stays.

An exception that a signal handler raises arrives anywhere: in a finaliser, where Python drops it, or within a library's
event loop. Here the work is killed instead, and its machines with it (see vm.process); this process, which does
nothing but wait, then removes what was left.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from optimux.cli.report import report_error
from optimux.vm.qemu.process import dies_with_parent

if TYPE_CHECKING:
    from collections.abc import Callable

_ENDING = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
_PR_SET_CHILD_SUBREAPER = 36  # prctl(2)
_SHELL = 128  # and a signal's number: how shells report what it ended


class Scratch:
    """The work's own folder, which goes with it; ``keep`` is said in the child and heard in the parent."""

    def __init__(self, prefix: str) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=prefix))
        self._kept = mmap.mmap(-1, 1)

    def keep(self) -> None:
        """Leave the folder where it is."""
        self._kept[0] = 1

    def remove(self, *, always: bool) -> None:
        """Unless it is to be kept."""
        if always or not self._kept[0]:
            shutil.rmtree(self.path, ignore_errors=True)


def supervised(work: Callable[[Scratch], int], prefix: str) -> int:
    """The exit code of ``work``, which has a folder whose name begins with ``prefix`` for all temporary files.

    Raises ``KeyboardInterrupt`` or ``SystemExit`` for a signal, after the work's end.
    """
    _open_descriptors()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {*_ENDING, signal.SIGCHLD})
    scratch, ended = Scratch(prefix), True
    _adopt_orphans(True)
    try:
        sys.stdout.flush()
        die_with_parent = dies_with_parent()
        child = os.fork()
        if child == 0:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            _work(work, scratch, die_with_parent)
        status, ended = _wait(child)
    finally:
        _adopt_orphans(False)
        scratch.remove(always=ended)
    if status == _SHELL + signal.SIGINT:
        raise KeyboardInterrupt
    if ended:
        raise SystemExit(status)  # a second signal has nothing left to end
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return status


def _work(work: Callable[[Scratch], int], scratch: Scratch, die_with_parent: Callable[[], None]) -> NoReturn:
    """In the child: never returns into the parent's frames."""
    code = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to both; the parent acts on it
        die_with_parent()
        tempfile.tempdir = str(scratch.path)
        code = work(scratch)
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
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            code = os.waitstatus_to_exitcode(status)
            return (code, False) if code >= 0 else (_SHELL - code, True)


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
