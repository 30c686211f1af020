"""Names for what is not finished, and clearing what a killed run left under one.

Whoever works under such a name holds a lock on it; what nobody holds was left. A name can be given to anything by
whoever may write to the folder, so a folder is removed only with the mark that its maker put into it.
"""

from __future__ import annotations

import os
import re
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optimux.files.directory import Directory

PREFIX = ".optimux-new-"
MARK = ".optimux-staging"
_LETTERS = 16


def new_name(prefix: str = PREFIX) -> str:
    """A name that nobody can guess."""
    return prefix + os.urandom(_LETTERS // 2).hex()


def claimed(descriptor: int) -> bool:
    """Whether a new file or folder is ours to work on; false where somebody's clearing met it first."""
    return try_lock(descriptor) is not False and os.fstat(descriptor).st_nlink > 0


def try_lock(descriptor: int) -> bool | None:
    """Whether nobody else holds it, and we do now; ``None`` where the file system has no locks."""
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def clear(folder: Directory, prefix: str = PREFIX) -> None:
    """Remove what our own killed runs left in ``folder``; what cannot be removed stays."""
    pattern = re.compile(re.escape(prefix) + f"[0-9a-f]{{{_LETTERS}}}")
    try:
        names = os.listdir(folder.descriptor)
    except OSError:
        return
    for name in names:
        if name.startswith(prefix) and pattern.fullmatch(name):
            try:
                _clear(folder, name)
            except (OSError, ValueError):
                continue


def _clear(folder: Directory, name: str) -> None:
    entry = folder.entry(name)
    if entry is None or os.geteuid() not in (0, entry.st_uid):
        return
    if stat.S_ISDIR(entry.st_mode):
        with folder.folder(name) as left:
            if try_lock(left.descriptor) and left.status().st_uid == os.geteuid():
                remove_marked(folder, name, left)
    elif stat.S_ISREG(entry.st_mode):
        descriptor = folder.open_file(name)
        try:
            if try_lock(descriptor):
                folder.unlink(name)
        finally:
            os.close(descriptor)


def remove_marked(parent: Directory, name: str, folder: Directory) -> None:
    """Remove a staging folder with all that is in it, the mark last; without a mark only if it is empty."""
    if folder.entry(MARK) is not None:
        empty(folder, last=MARK)
    os.rmdir(name, dir_fd=parent.descriptor)


def empty(folder: Directory, last: str = "") -> None:
    """Remove everything in a folder of ours, through descriptors; links are removed, never followed."""
    for name in sorted(folder.names(), key=last.__eq__):
        entry = folder.entry(name)
        if entry is not None and stat.S_ISDIR(entry.st_mode):
            with folder.folder(name) as inner:
                empty(inner)
            os.rmdir(name, dir_fd=folder.descriptor)
        else:
            folder.unlink(name)
