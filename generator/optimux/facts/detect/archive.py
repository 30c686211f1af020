"""A recorded tree in a tar, perhaps compressed: read once, in order, within bounds."""

from __future__ import annotations

import errno
import os
import re
import tarfile
from importlib import import_module
from typing import TYPE_CHECKING, Any

from optimux.facts.detect.store import TREE, Status
from optimux.files.read import opened, reason_of, unreadable
from optimux.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from io import BufferedReader

# A recorded /sys and /proc has some ten thousand small files; whatever is larger is no record.
MOST_MEMBERS = 200_000
MOST_BYTES = 256 << 20
MOST_KEPT = 64 << 20
MOST_OF_A_FILE = 4 << 20

# Each opens a stream, as a context that reads.
MAGICS = (
    (b"\x1f\x8b", "gzip", "open"),
    (b"BZh", "bz2", "BZ2File"),
    (b"\xfd7zXZ\x00", "lzma", "LZMAFile"),
)


class Member(Record):
    """One member: ``content`` of a file, a link's target as text, or ``None`` for a folder.

    ``other`` is ``char`` or ``other`` for what is none of these, and ``hard`` for one more name of the file at
    ``content``.
    """

    path: str
    status: Status
    content: bytes | str | None
    other: str = ""


def members_of(path: str) -> Iterator[Member]:
    """The members of a tar, in its order. Raises ``InvalidInput`` for what is no tar, or too much of one."""
    try:
        with opened(path) as raw, _unpacked(raw) as stream:
            yield from _loaded(stream)
    except (tarfile.TarError, EOFError, ValueError, ArithmeticError, MemoryError) as error:
        raise unreadable(path, f"no tar that can be read: {error}", *TREE) from None
    except OSError as error:
        raise unreadable(path, reason_of(error), *TREE) from None


def _loaded(stream: Any) -> Iterator[Member]:
    kept = 0
    bounded: Any = _Bounded(stream)  # of a stream tarfile calls read() alone
    with tarfile.open(fileobj=bounded, mode="r|") as tar:
        for number, info in enumerate(tar):
            if number >= MOST_MEMBERS:
                raise tarfile.TarError(f"more than {MOST_MEMBERS} members")
            if info.size > MOST_BYTES:
                raise tarfile.TarError(f"a member of more than {MOST_BYTES >> 20} MiB")
            if (member := _member(tar, info)) is None:
                continue
            kept += len(member.content) if isinstance(member.content, bytes) else 0
            if kept > MOST_KEPT:
                raise tarfile.TarError(f"more than {MOST_KEPT >> 20} MiB in its files")
            yield member


def _member(tar: tarfile.TarFile, info: tarfile.TarInfo) -> Member | None:
    """``None`` for one that leads outside."""
    parts = _parts(info.name)
    if ".." in parts or not parts:
        return None
    path, status = _path(parts), _status(info)
    if info.issym():
        return Member(path, status, info.linkname)
    if info.islnk():
        return Member(path, status, _path(_parts(info.linkname)), "hard")
    if info.isreg() and not info.issparse():
        file = tar.extractfile(info)
        return Member(path, status, file.read(MOST_OF_A_FILE) if file else b"")
    if info.isdir():
        return Member(path, status, None)
    return Member(path, status, b"", "char" if info.ischr() else "other")


def _parts(name: str) -> list[str]:
    return [part for part in name.split("/") if part not in ("", ".")]


def _path(parts: Iterable[str]) -> str:
    return "".join(f"/{part}" for part in parts)


class Archive:
    """Members as a store: the later of two that have one path wins."""

    def __init__(self, members: Iterable[Member]) -> None:
        self._files: dict[str, bytes | str | None] = {"": None}  # content, a link's target, or a folder
        self._other: dict[str, str] = {}
        self._status: dict[str, Status] = {}
        self._children: dict[str, list[str]] = {"": []}
        for member in members:
            self._add(member)

    def _add(self, member: Member) -> None:
        path, content, other = member.path, member.content, member.other
        self._status[path] = member.status
        if other == "hard":
            self._place(path, self._files.get(str(content)))
        elif content is None:
            self._folder(path)
        else:
            self._place(path, content)
            if other:
                self._other[path] = other

    def _folder(self, path: str) -> None:
        """A folder and those above it; where one is something else, the later member wins."""
        if path in self._children:
            return
        self._place(path, None)
        self._children[path] = []

    def _place(self, path: str, content: bytes | str | None) -> None:
        parent, _, name = path.rpartition("/")
        self._folder(parent)
        if path not in self._files:
            self._children[parent].append(name)
        if path not in self._children:
            self._files[path] = content

    def kind(self, path: str) -> str:
        """See ``Store``."""
        if path in self._children:
            return "folder"
        found = self._found(path)
        return self._other.get(path) or ("link" if isinstance(found, str) else "file")

    def status(self, path: str) -> Status:
        """See ``Store``. A folder that no member describes is root's."""
        self._found(path)
        return self._status.get(path) or Status(0o755, 0, 0)

    def target(self, path: str) -> str:
        """See ``Store``."""
        found = self._found(path)
        if isinstance(found, str):
            return found
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    def entries(self, path: str) -> list[str]:
        """See ``Store``."""
        if path not in self._children:
            self._found(path)
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        return list(self._children[path])

    def read(self, path: str, limit: int) -> bytes:
        """See ``Store``."""
        found = self._found(path)
        if isinstance(found, str):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        if found is None or path in self._other:
            raise OSError(errno.EISDIR if found is None else None, "not a regular file")
        return found[:limit]

    def _found(self, path: str) -> bytes | str | None:
        if path not in self._files:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        return self._files[path]


def _status(member: tarfile.TarInfo) -> Status:
    """As the member says; GNU tar and bsdtar write an access control list as text, and SELinux' context."""
    users = []
    words = [
        line.partition("#")[0].strip() for line in re.split("[,\n]", member.pax_headers.get("SCHILY.acl.access", ""))
    ]
    entries = [word.split(":") for word in words if word.count(":") == 2]
    mask = next((_permissions(bits) for tag, _, bits in entries if tag == "mask"), 7)
    for tag, name, bits in entries:
        if tag == "user" and name.isdecimal():
            users.append((int(name), _permissions(bits) & mask))
    label = member.pax_headers.get("RHT.security.selinux", "").rstrip("\0") or None
    return Status(member.mode & 0o7777, member.uid, member.gid, member.size, tuple(users), label, float(member.mtime))


def _permissions(text: str) -> int:
    return sum(bit for letter, bit in (("r", 4), ("w", 2), ("x", 1)) if letter in text)


def _unpacked(raw: BufferedReader) -> Any:
    """The stream within, decompressed as its first bytes say; a pipe cannot be wound back."""
    start = raw.peek(6)
    for magic, module, name in MAGICS:
        if start.startswith(magic):
            return getattr(import_module(module), name)(raw)
    return raw


class _Bounded:
    """A stream that ends with an error where it grows beyond any record: a few bytes may unpack to terabytes."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._left = MOST_BYTES

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes. Raises ``tarfile.TarError`` past the bound."""
        data: bytes = self._stream.read(min(size, self._left + 1))
        self._left -= len(data)
        if self._left < 0:
            raise tarfile.TarError(f"more than {MOST_BYTES >> 20} MiB unpacked")
        return data
