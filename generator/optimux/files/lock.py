"""A lock between processes: a file that one of them holds at a time, and that stays."""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from optimux.files.directory import Directory


@contextlib.contextmanager
def locked(folder: Directory, name: str, rounds: Iterable[None]) -> Iterator[bool]:
    """Whether the lock was had within ``rounds``, a loop that waits between its turns; it goes with the block."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(name, flags, 0o600, dir_fd=folder.descriptor)
    try:
        yield any(_had(descriptor) for _ in rounds)
    finally:
        os.close(descriptor)


def _had(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
