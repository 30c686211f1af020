"""Folders that are ours alone, and the files that programs of ours leave in them: temporary ones, logs, a cache."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from optimux.files import renames
from optimux.files.atomic import create, write_all
from optimux.files.leftovers import empty
from optimux.files.staging import Staging
from optimux.files.state import Metadata
from optimux.files.walk import locate, reach

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MORE = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@contextlib.contextmanager
def scratch(prefix: str) -> Iterator[Staging]:
    """A folder in the system's place for temporary ones; what killed runs left of the same prefix goes.

    Raises ``OSError``, and ``Untrusted`` for root where that place is another user's.
    """
    with reach(Path(tempfile.gettempdir())) as parent, Staging(parent, prefix) as staging:
        yield staging


def settle_in(folder: Path) -> None:
    """Have this process's further temporary files made there."""
    tempfile.tempdir = str(folder)


def own_folder(path: Path) -> Path:
    """The folder at ``path``, made with its parents where it is missing; its real path. Raises as ``reach`` does."""
    with reach(path, make=True) as folder:
        return folder.path


def write_new(path: Path, content: bytes, mode: int = 0o644) -> None:
    """A new file in place of whatever had its name. Raises ``OSError``."""
    folder, name = locate(path.parent / path.name)
    with folder:
        folder.unlink(name)
        os.close(create(folder, name, content, Metadata(mode)))


def open_new(path: Path) -> BinaryIO:
    """The same, to be written bit by bit."""
    with reach(path.parent) as folder:
        folder.unlink(path.name)
        descriptor = os.open(path.name, _NEW, 0o644, dir_fd=folder.descriptor)
    return os.fdopen(descriptor, "w+b", buffering=0)


def append(path: Path, content: bytes) -> None:
    """Add to a file that ``write_new`` made."""
    with reach(path.parent) as folder:
        descriptor = os.open(path.name, _MORE, dir_fd=folder.descriptor)
    try:
        write_all(descriptor, content)
    finally:
        os.close(descriptor)


def discard(path: Path) -> None:
    """Remove a file, if it is there."""
    with reach(path.parent) as folder:
        folder.unlink(path.name)


def discard_folder(path: Path) -> None:
    """Remove a folder with all that is in it, if it is there; links are removed, never followed."""
    folder, name = locate(path)
    with folder:
        entry = folder.entry(name)
        if entry is not None and stat.S_ISDIR(entry.st_mode):
            with folder.folder(name) as own:
                empty(own)
            os.rmdir(name, dir_fd=folder.descriptor)


def temporary_file(folder: Path) -> BinaryIO:
    """A file without a name, gone when it is closed."""
    return cast("BinaryIO", tempfile.TemporaryFile(dir=folder))


def nameless(folder: Path) -> int:
    """A descriptor for a file that has no name and goes with it (O_TMPFILE). Raises ``OSError``."""
    return os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)


def made_once(target: Path, make: Callable[[Path], None]) -> Path:
    """``target``, made first where it is missing: elsewhere, so that no half of it is found, by one at a time."""
    folder, name = locate(target)
    with folder:
        if folder.entry(name) is None:
            with _locked(folder.descriptor, f"{name}.lock"):
                if folder.entry(name) is None:
                    with Staging(folder) as staging:
                        make(staging.folder.path / name)
                        renames.take(staging.folder, name, folder, name)
    return target


def made_new(target: Path, make: Callable[[Path], None], mode: int) -> None:
    """A file that ``make`` writes elsewhere first, at its place with ``mode`` once it is whole and on the disk.

    Missing folders are made. Raises ``FileExistsError`` where something took the place meanwhile, else ``OSError``.
    """
    folder, name = locate(target, make=True)
    with folder, Staging(folder) as staging:
        make(staging.folder.path / name)
        descriptor = staging.folder.open_file(name)
        try:
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        renames.take(staging.folder, name, folder, name)
        folder.sync()


@contextlib.contextmanager
def _locked(folder: int, name: str) -> Iterator[None]:
    import fcntl

    descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
