"""One file, whole or not at all: written under a name that nobody can guess, finished, and only then given its own."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from optimux.files import renames
from optimux.files.leftovers import claimed, clear, new_name
from optimux.files.state import Metadata, State, look, set_metadata

if TYPE_CHECKING:
    from optimux.files.directory import Directory

_MOST_BACKUPS = 1 << 16
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def create(folder: Directory, name: str, content: bytes, metadata: Metadata) -> int:
    """A new file, complete but not yet synced; its descriptor. Nobody else reads it before its permissions are set."""
    descriptor = os.open(name, _NEW, 0o600, dir_fd=folder.descriptor)
    return _filled(folder, name, descriptor, content, metadata)


def _filled(folder: Directory, name: str, descriptor: int, content: bytes, metadata: Metadata) -> int:
    try:
        write_all(descriptor, content)
        set_metadata(descriptor, metadata)
    except BaseException:
        os.close(descriptor)
        _drop(folder, name)
        raise
    return descriptor


def put(folder: Directory, name: str, content: bytes, metadata: Metadata, *, exclusive: bool = False) -> None:
    """Give ``name`` this content in one step; it is on the disk afterwards.

    Raises ``FileExistsError`` where ``exclusive`` and the name is taken, else ``OSError``; then nothing has changed.
    """
    clear(folder)
    temporary, descriptor = _temporary(folder)
    _filled(folder, temporary, descriptor, content, metadata)
    try:
        os.fsync(descriptor)
        _name(folder, temporary, name, exclusive)
    finally:
        os.close(descriptor)
        _drop(folder, temporary)


def _drop(folder: Directory, temporary: str) -> None:
    """What is done stands, and what failed is told, also where this cannot go: the next run clears it away."""
    with contextlib.suppress(OSError):
        folder.unlink(temporary)


def _name(folder: Directory, temporary: str, name: str, exclusive: bool) -> None:
    """Move it to its name; what was there keeps the other one until the folder is on the disk, and else comes back."""
    if exclusive or folder.entry(name) is None:
        renames.take(folder, temporary, folder, name)
    elif not renames.exchange(folder, temporary, folder, name):
        renames.replace(folder, temporary, folder, name)
        folder.sync()
        return
    try:
        folder.sync()
    except BaseException:
        if folder.entry(temporary) is None:
            folder.unlink(name)
        else:
            renames.exchange(folder, temporary, folder, name)
        raise


def _temporary(folder: Directory) -> tuple[str, int]:
    """A new file's name and descriptor, held so that nobody takes it for a leftover."""
    while True:
        name = new_name()
        descriptor = os.open(name, _NEW, 0o600, dir_fd=folder.descriptor)
        if claimed(descriptor):
            return name, descriptor
        os.close(descriptor)
        folder.unlink(name)


def put_back(folder: Directory, name: str, state: State | None) -> None:
    """Make ``name`` what it was: content, owner, permissions, attributes and times; or a link; or nothing."""
    if state is None:
        remove(folder, name)
    elif state.link is None:
        put(folder, name, state.content, state.metadata)
    else:
        _put_link(folder, name, state)


def _put_link(folder: Directory, name: str, state: State) -> None:
    temporary = new_name()
    os.symlink(state.link or "", temporary, dir_fd=folder.descriptor)
    try:
        if os.geteuid() == 0:
            owner, group = state.metadata.owner or 0, state.metadata.group or 0
            os.chown(temporary, owner, group, dir_fd=folder.descriptor, follow_symlinks=False)
        renames.replace(folder, temporary, folder, name)
    except BaseException:
        _drop(folder, temporary)
        raise
    folder.sync()


def remove(folder: Directory, name: str) -> None:
    """Remove a file or a link, for good."""
    folder.unlink(name)
    folder.sync()


def keep_beside(folder: Directory, name: str, state: State) -> str:
    """Keep a file's state as ``NAME.bak`` or the next free ``NAME.bakN``; that name."""
    for number in range(_MOST_BACKUPS):
        backup = f"{name}.bak{number or ''}"
        if folder.entry(backup) is None:
            try:
                put(folder, backup, state.content, state.metadata, exclusive=True)
            except FileExistsError:
                continue
            return backup
    raise FileExistsError(17, "no free name for a backup", str(folder.path / name))


def exchange_by_copy(staged: Directory, target: Directory, name: str) -> None:
    """Where two names cannot be swapped: the old file's state takes the new one's place, which moves in one step."""
    state, moving = look(target, name), new_name()
    renames.take(staged, name, staged, moving)
    if state is not None and state.link is not None:
        os.symlink(state.link, name, dir_fd=staged.descriptor)
    elif state is not None:
        os.close(create(staged, name, state.content, state.metadata))
    renames.replace(staged, moving, target, name)


def write_all(descriptor: int, content: bytes) -> None:
    """All of it, however little the system takes at a time."""
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
