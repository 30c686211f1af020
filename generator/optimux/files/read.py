"""The one way to read what a user names: bounded in size, not waiting for what will not come, failures explained."""

from __future__ import annotations

import os
import select
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from optimux.errors import InvalidInput, Problem

if TYPE_CHECKING:
    from io import BufferedReader

LIMIT = 8 << 20
_CHUNK = 1 << 20
# So long a named pipe may take to say its first word; a shell's own pipes may take their time.
PIPE_SECONDS = 5.0


def read_bytes(path: str, limit: int = LIMIT) -> bytes:
    """The bytes of a file, or of a pipe; ``-`` is standard input. Raises ``InvalidInput``."""
    name = named(path)
    try:
        data = _read(path, limit + 1)
    except (OSError, ValueError) as error:
        raise unreadable(name, reason_of(error), "a readable file", "Check the path.") from None
    if len(data) > limit:
        size = f"{limit >> 20} MiB"
        raise unreadable(name, f"more than {size}", f"at most {size}", "Is it the right file?")
    return data


def named(path: str) -> str:
    """What messages call it."""
    return "standard input" if path == "-" else path


def unreadable(path: str, found: str, allowed: str, remedy: str) -> InvalidInput:
    """The complaint about one file."""
    return InvalidInput([Problem(path, found, allowed, remedy)])


def reason_of(error: OSError | ValueError) -> str:
    """In the system's words."""
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)


def _read(path: str, size: int) -> bytes:
    if not path:
        raise ValueError("an empty path")
    if path == "-":
        if sys.stdin is None:  # python leaves it out where descriptor 0 is closed
            raise ValueError("it is closed")
        return sys.stdin.buffer.read(size)
    descriptor = _open(path)
    try:
        return _up_to(descriptor, size)
    finally:
        os.close(descriptor)


def opened(path: str) -> BufferedReader:
    """A stream of what is too large to be kept whole. Raises ``OSError``, and ``ValueError`` for a silent pipe."""
    return os.fdopen(_open(path), "rb")


def at_once(path: str, flags: int) -> int:
    """An opener that does not wait for a pipe's other end."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)


def _open(path: str) -> int:
    # Without waiting: a named pipe that nobody writes to would hold the open itself.
    descriptor = at_once(path, os.O_RDONLY)
    try:
        _await_writer(descriptor)
        os.set_blocking(descriptor, True)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _await_writer(descriptor: int) -> None:
    if not stat.S_ISFIFO(os.fstat(descriptor).st_mode) or _is_nameless(descriptor):
        return
    if not select.select([descriptor], [], [], PIPE_SECONDS)[0]:
        raise ValueError(f"a pipe to which nobody writes within {PIPE_SECONDS:g} s")


def _is_nameless(descriptor: int) -> bool:
    """Whether it is a shell's pipe, ``<(…)``, whose writer is there already."""
    try:
        return str(Path(f"/proc/self/fd/{descriptor}").readlink()).startswith("pipe:")
    except OSError:
        return False


def _up_to(descriptor: int, size: int) -> bytes:
    parts: list[bytes] = []
    while size > 0 and (part := os.read(descriptor, min(size, _CHUNK))):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
