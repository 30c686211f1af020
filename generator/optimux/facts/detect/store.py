"""The two things that a file system can be read from: a folder, through descriptors, and a tar, in memory.

A store knows paths whose parents are real folders; links are followed by ``Root``, which never lets one out.
"""

from __future__ import annotations

import errno
import os
import stat
import struct
from typing import Protocol

from optimux.record import Record

# What a recorded tree is, and the next step, in a refusal.
TREE = ("a folder, or a tar of one", "Name a recorded tree.")
# Open folders kept at once; a process may have 1024 descriptors.
MOST_FOLDERS = 200


# The user entries of an access control list, as the kernel keeps them: a version, then tag, permissions, id
# (include/uapi/linux/posix_acl_xattr.h).
ACL = "system.posix_acl_access"
ACL_USER, ACL_MASK = 0x02, 0x10


class Status(Record):
    """Whose a file is and who may open it: permission bits, numbers of user and group, and the users of its list.

    ``users`` are pairs of a number and permissions (4 read, 2 write), already within the list's mask; ``label`` is
    SELinux' context; ``modified`` and ``changed`` (when it came to its place with its mode) are in seconds since 1970.
    """

    mode: int
    uid: int
    gid: int
    size: int = 0
    users: tuple[tuple[int, int], ...] = ()
    label: str | None = None
    modified: float = 0.0
    changed: float = 0.0


class Store(Protocol):
    """Every method raises ``OSError`` as the system would. Paths are absolute within the store, free of links."""

    def kind(self, path: str) -> str:
        """``folder``, ``file``, ``link``, ``char`` or ``other``."""

    def status(self, path: str) -> Status:
        """Whose it is; of a link its own."""

    def target(self, path: str) -> str:
        """Where a link points."""

    def entries(self, path: str) -> list[str]:
        """The names in a folder."""

    def read(self, path: str, limit: int) -> bytes:
        """At most ``limit`` bytes of a regular file; ``ELOOP`` where it is a link."""


KINDS = {stat.S_IFDIR: "folder", stat.S_IFREG: "file", stat.S_IFLNK: "link", stat.S_IFCHR: "char"}


class Folder:
    """A folder of this machine; ``/`` is the machine itself. Raises ``OSError`` where it cannot be opened."""

    def __init__(self, path: str) -> None:
        self._top = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._open: dict[str, int] = {}

    def close(self) -> None:
        """Give every descriptor back; once is enough."""
        descriptors = (*self._open.values(), self._top)
        self._open.clear()
        self._top = -1
        for descriptor in descriptors:
            if descriptor >= 0:
                os.close(descriptor)

    def __del__(self) -> None:
        """Whoever looked at many trees has given their descriptors back."""
        if hasattr(self, "_top") and hasattr(self, "_open"):
            self.close()

    def _folder(self, path: str) -> int:
        """A descriptor of a folder: each component is opened beneath the one before, none may be a link."""
        if not path:
            return self._top
        known = self._open.get(path)
        if known is not None:
            return known
        parent, _, name = path.rpartition("/")
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        try:
            opened = os.open(name, flags, dir_fd=self._folder(parent))
        except PermissionError:  # what may be passed need not be listed
            opened = os.open(name, flags | os.O_PATH, dir_fd=self._folder(parent))
        if len(self._open) >= MOST_FOLDERS:
            os.close(self._open.pop(next(iter(self._open))))
        self._open[path] = opened
        return opened

    def kind(self, path: str) -> str:
        """See ``Store``."""
        parent, _, name = path.rpartition("/")
        if not name:
            return "folder"
        mode = os.stat(name, dir_fd=self._folder(parent), follow_symlinks=False).st_mode
        return KINDS.get(stat.S_IFMT(mode), "other")

    def status(self, path: str) -> Status:
        """See ``Store``. Opened for its name alone, so that no device is."""
        parent, _, name = path.rpartition("/")
        flags = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(name, flags, dir_fd=self._folder(parent)) if name else os.dup(self._top)
        try:
            found = os.fstat(descriptor)
            link = f"/proc/self/fd/{descriptor}"
            users, label = acl_users(_attribute(link, ACL)), _attribute(link, "security.selinux")
        finally:
            os.close(descriptor)
        said = label.rstrip(b"\0").decode("utf-8", "replace") or None
        times = found.st_mtime, found.st_ctime
        return Status(stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid, found.st_size, users, said, *times)

    def target(self, path: str) -> str:
        """See ``Store``."""
        parent, _, name = path.rpartition("/")
        return os.readlink(name, dir_fd=self._folder(parent))

    def entries(self, path: str) -> list[str]:
        """See ``Store``."""
        return os.listdir(self._folder(path))  # noqa: PTH208 - a descriptor has no path

    def read(self, path: str, limit: int) -> bytes:
        """See ``Store``. Pipes and devices are refused, not waited for."""
        parent, _, name = path.rpartition("/")
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
        descriptor = os.open(name, flags, dir_fd=self._folder(parent))
        try:
            kind = os.fstat(descriptor).st_mode
            if not stat.S_ISREG(kind):
                raise OSError(errno.EISDIR if stat.S_ISDIR(kind) else None, "not a regular file")
            return _all(descriptor, limit)
        finally:
            os.close(descriptor)


def _all(descriptor: int, limit: int) -> bytes:
    """Files of /proc come in pieces."""
    pieces: list[bytes] = []
    while limit > 0 and (piece := os.read(descriptor, min(limit, 1 << 16))):
        pieces.append(piece)
        limit -= len(piece)
    return b"".join(pieces)


def _attribute(path: str, name: str) -> bytes:
    """An extended attribute, empty where the file or the file system has none."""
    try:
        return os.getxattr(path, name)
    except OSError:
        return b""


def acl_users(data: bytes) -> tuple[tuple[int, int], ...]:
    """The named users of a list in the kernel's form, each with what the mask leaves of its permissions."""
    entries = [struct.unpack_from("<HHI", data, place) for place in range(4, len(data) - 7, 8)]
    mask = next((bits for tag, bits, _ in entries if tag == ACL_MASK), 7)
    return tuple((number, bits & mask) for tag, bits, number in entries if tag == ACL_USER)
