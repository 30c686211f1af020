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

if TYPE_CHECKING:
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


class Archive:
    """The members of a tar as a store. Raises ``InvalidInput`` for what is no tar, or too much of one."""

    def __init__(self, path: str) -> None:
        self._files: dict[str, bytes | str | None] = {"": None}  # content, a link's target, or a folder
        self._other: dict[str, str] = {}
        self._status: dict[str, Status] = {}
        self._children: dict[str, list[str]] = {"": []}
        try:
            with opened(path) as raw, _unpacked(raw) as stream:
                self._load(stream)
        except (tarfile.TarError, EOFError, ValueError, ArithmeticError, MemoryError) as error:
            raise unreadable(path, f"no tar that can be read: {error}", *TREE) from None
        except OSError as error:
            raise unreadable(path, reason_of(error), *TREE) from None

    def _load(self, stream: Any) -> None:
        kept = 0
        bounded: Any = _Bounded(stream)  # of a stream tarfile calls read() alone
        with tarfile.open(fileobj=bounded, mode="r|") as tar:
            for number, member in enumerate(tar):
                if number >= MOST_MEMBERS:
                    raise tarfile.TarError(f"more than {MOST_MEMBERS} members")
                if member.size > MOST_BYTES:
                    raise tarfile.TarError(f"a member of more than {MOST_BYTES >> 20} MiB")
                kept += self._add(tar, member)
                if kept > MOST_KEPT:
                    raise tarfile.TarError(f"more than {MOST_KEPT >> 20} MiB in its files")

    def _add(self, tar: tarfile.TarFile, member: tarfile.TarInfo) -> int:
        parts = [part for part in member.name.split("/") if part not in ("", ".")]
        if ".." in parts or not parts:
            return 0
        path = "".join(f"/{part}" for part in parts)
        self._status[path] = _status(member)
        if member.issym():
            self._place(path, member.linkname)
        elif member.islnk():
            linked = "".join(f"/{part}" for part in member.linkname.split("/") if part not in ("", "."))
            self._place(path, self._files.get(linked))
        elif member.isreg() and not member.issparse():
            file = tar.extractfile(member)
            content = file.read(MOST_OF_A_FILE) if file else b""
            self._place(path, content)
            return len(content)
        elif member.isdir():
            self._folder(path)
        else:
            self._place(path, b"")
            self._other[path] = "char" if member.ischr() else "other"
        return 0

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
