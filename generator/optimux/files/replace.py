"""Writing one file that the user names: whole or not at all, and never without a way back."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING

from optimux.errors import OptimuxError
from optimux.files.atomic import keep_beside, put, write_all
from optimux.files.read import PIPE_SECONDS, reason_of
from optimux.files.state import Metadata, look
from optimux.files.walk import locate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optimux.files.directory import Directory

_STREAMS = {"/dev/stdout": 1, "/dev/stderr": 2}
_DESCRIPTOR = re.compile(r"/(?:dev|proc/self)/fd/([0-9]{1,7})")
_STEP_SECONDS = 0.05


def replace_file(path: Path, content: bytes, mode: int | None = None) -> None:
    """Give a file new content in one step; mode, owner and attributes of one that is there stay.

    A new one gets ``mode``, by default what the umask leaves. A pipe or a character device is written to; links are
    followed where nobody else can have set them. Raises ``OptimuxError``; then the file is what it was.
    """
    with explained(path):
        if (stream := _stream(path)) is not None:
            write_all(stream, content)
            return
        folder, name = locate(path)
        with folder:
            _replace(folder, name, content, mode)


def replace_with_backup(path: Path, expected: bytes, content: bytes) -> Path:
    """Replace a file that holds ``expected``, which is kept beside it; where. Else as ``replace_file``."""
    with explained(path):
        folder, name = locate(path)
        with folder:
            state = look(folder, name)
            if state is None or state.content != expected:
                raise OptimuxError(f"{path} was changed while Optimux worked on it. Nothing was written; run it again.")
            kept = keep_beside(folder, name, state)
            put(folder, name, content, state.metadata.replace(times=None))
            return folder.path / kept


def mode_of(path: Path) -> int:
    """The permissions that a copy of a file gets: its own less the umask; of a pipe any."""
    with explained(path):
        status = path.stat()
        return (status.st_mode if stat.S_ISREG(status.st_mode) else 0o666) & 0o777 & ~_umask()


@contextlib.contextmanager
def explained(path: Path, verb: str = "written") -> Iterator[None]:
    """What the system refuses, as ``OptimuxError`` with the path."""
    try:
        yield
    except (OSError, ValueError) as error:
        named = os.fsdecode(error.filename) if isinstance(error, OSError) and error.filename else ""
        where = f" ({named})" if named and named != str(path) else ""
        raise OptimuxError(f"{path} cannot be {verb}: {reason_of(error)}{where}") from None


def _replace(folder: Directory, name: str, content: bytes, mode: int | None) -> None:
    entry = folder.entry(name)
    new = Metadata(0o666 & ~_umask() if mode is None else mode)
    if entry is None:
        put(folder, name, content, new)
    elif stat.S_ISREG(entry.st_mode):
        state = look(folder, name)
        kept = new if state is None else state.metadata.replace(times=None)
        put(folder, name, content, kept)
    elif stat.S_ISFIFO(entry.st_mode) or stat.S_ISCHR(entry.st_mode):
        _write_into(folder, name, content, stat.S_ISFIFO(entry.st_mode))
    else:
        kind = "a folder" if stat.S_ISDIR(entry.st_mode) else "neither a file, nor a pipe, nor a character device"
        raise ValueError(f"it is {kind}")


def _write_into(folder: Directory, name: str, content: bytes, is_pipe: bool) -> None:
    """A reader of a pipe may come a little later than we do; a device that is not there (ENXIO too) will not."""
    deadline = time.monotonic() + PIPE_SECONDS
    flags = os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    while True:
        try:
            descriptor = os.open(name, flags, dir_fd=folder.descriptor)
            break
        except OSError as error:
            if not is_pipe or error.errno != errno.ENXIO:
                raise
            if time.monotonic() > deadline:
                raise ValueError(f"a pipe from which nobody reads within {PIPE_SECONDS:g} s") from None
            time.sleep(_STEP_SECONDS)
    try:
        os.set_blocking(descriptor, True)
        write_all(descriptor, content)
    finally:
        os.close(descriptor)


def _stream(path: Path) -> int | None:
    """The number of a stream that was inherited and is named by the system's names for it."""
    text = str(path)
    match = _DESCRIPTOR.fullmatch(text)
    return int(match[1]) if match else _STREAMS.get(text)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
