"""What a file is: its bytes and all that surrounds them, read so that it can be put back as it was."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Mapping
from typing import TYPE_CHECKING

from optimux.record import Record

if TYPE_CHECKING:
    from optimux.files.directory import Directory

_CHUNK = 1 << 20
# Attributes that this file system does not hold, or that this user may not set (as cp does).
_NOT_OURS = (errno.EPERM, errno.ENOTSUP, errno.ENODATA, errno.EINVAL, errno.EACCES)


class Metadata(Record):
    """Permissions, owner and group (``None``: whoever writes), extended attributes, times in ns (``None``: now).

    Access control lists and security labels are extended attributes.
    """

    mode: int
    owner: int | None = None
    group: int | None = None
    attributes: Mapping[str, bytes] = {}
    times: tuple[int, int] | None = None


class State(Record):
    """A plain file's content and metadata; for a symbolic link its target alone."""

    content: bytes
    metadata: Metadata
    link: str | None = None

    @property
    def is_ours(self) -> bool:
        """A plain file that nobody but root and ourselves can have written."""
        is_ours = self.metadata.owner in (0, os.geteuid())
        return self.link is None and is_ours and not self.metadata.mode & 0o022


def look(folder: Directory, name: str) -> State | None:
    """The entry's state, ``None`` where there is none. Raises ``OSError``, and ``ValueError`` for anything else."""
    entry = folder.entry(name)
    if entry is None:
        return None
    if stat.S_ISLNK(entry.st_mode):
        target = os.readlink(name, dir_fd=folder.descriptor)
        return State(b"", Metadata(0o777, entry.st_uid, entry.st_gid), target)
    descriptor = folder.open_file(name)
    try:
        return State(read_all(descriptor), metadata_of(descriptor))
    finally:
        os.close(descriptor)


def metadata_of(descriptor: int) -> Metadata:
    """Of an open file or folder."""
    status = os.fstat(descriptor)
    times = (status.st_atime_ns, status.st_mtime_ns)
    return Metadata(stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid, _attributes(descriptor), times)


def read_all(descriptor: int) -> bytes:
    """From where it stands to its end."""
    return b"".join(iter(lambda: os.read(descriptor, _CHUNK), b""))


def set_metadata(descriptor: int, wanted: Metadata) -> None:
    """On the descriptor alone; owner first, as a change of it clears bits of the mode."""
    _set_owner(descriptor, wanted)
    for key, value in wanted.attributes.items():
        try:
            os.setxattr(descriptor, key, value)
        except OSError as error:
            if error.errno not in _NOT_OURS:
                raise
    os.fchmod(descriptor, wanted.mode)
    if wanted.times:
        os.utime(descriptor, ns=wanted.times)


def _set_owner(descriptor: int, wanted: Metadata) -> None:
    status = os.fstat(descriptor)
    owner = -1 if wanted.owner in (None, status.st_uid) else wanted.owner
    group = -1 if wanted.group in (None, status.st_gid) else wanted.group
    if (owner, group) == (-1, -1):
        return
    try:
        os.fchown(descriptor, owner if owner is not None else -1, group if group is not None else -1)
    except PermissionError:
        if os.geteuid() == 0:
            raise


def _attributes(descriptor: int) -> dict[str, bytes]:
    try:
        return {key: os.getxattr(descriptor, key) for key in os.listxattr(descriptor)}
    except OSError:  # a file system without them
        return {}
