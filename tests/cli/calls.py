"""The calls by which the product changes files, counted; at one of them something happens instead."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from optimux.bundle.folder import write
from optimux.emit.artifact import Artifact
from optimux.files import renames

CALLS = (
    *("open", "mkdir", "write", "fchmod", "fchown", "setxattr", "fsync", "replace", "rename", "unlink", "rmdir"),
    *("symlink", "utime"),
)


class Calls:
    """How many there were."""

    count = 0


@contextlib.contextmanager
def calls_counted(number: int, act: Callable[[], None], *, reading: bool = True) -> Iterator[Calls]:
    """Within, the call of that number is preceded by ``act``. Nothing is really synced: that takes its time.

    Without ``reading``, a file that is opened to be read is none of them: whoever dies before it leaves what he would
    leave before the next call.
    """
    calls = Calls()

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **keywords: Any) -> Any:
            if reading or not (real is opened and _only_reads(*arguments, **keywords)):
                calls.count += 1
                if calls.count == number:
                    act()
            return real(*arguments, **keywords)

        return call

    opened = os.open
    with pytest.MonkeyPatch.context() as patch:
        for name in CALLS:
            real = (lambda descriptor: None) if name == "fsync" else getattr(os, name)
            patch.setattr(os, name, counted(real))
        patch.setattr(renames, "rename2", counted(renames.rename2))
        yield calls


def _only_reads(path: object, flags: int, *more: object, **keywords: object) -> bool:
    return not flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC)


def killed(number: int, act: Callable[[], object]) -> bool:
    """Act in a child that is killed before that call which changes a file; whether it came to its end."""
    child = os.fork()
    if child == 0:
        try:
            with calls_counted(number, lambda: os.kill(os.getpid(), signal.SIGKILL), reading=False):
                act()
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert status in (0, signal.SIGKILL)
    return status == 0


def no_room() -> None:
    """Fail as a full disk does."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def killed_at(number: int, artifacts: tuple[Artifact, ...], folder: Path) -> bool:
    """Write in a child that is killed before that call; whether it came to its end."""
    return killed(number, lambda: write(artifacts, folder))
