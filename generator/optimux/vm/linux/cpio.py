"""The archive that Linux unpacks as its first file system (Linux, Documentation/driver-api/early-userspace: newc)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimux.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterable

_FOLDER, _FILE, _LINK, _DEVICE = 0o040755, 0o100755, 0o120777, 0o020600


class Entry(Record):
    """One member: ``device`` is major and minor of a character device."""

    path: str
    mode: int
    content: bytes = b""
    device: tuple[int, int] = (0, 0)


def folder(path: str) -> Entry:
    """A folder."""
    return Entry(path, _FOLDER)


def file(path: str, content: bytes) -> Entry:
    """An executable file."""
    return Entry(path, _FILE, content)


def link(path: str, target: str) -> Entry:
    """A symbolic link."""
    return Entry(path, _LINK, target.encode())


def character_device(path: str, major: int, minor: int) -> Entry:
    """A device node."""
    return Entry(path, _DEVICE, device=(major, minor))


def archive(entries: Iterable[Entry]) -> bytes:
    """The members in order, and the trailer; the same entries give the same bytes."""
    members = [_member(number, entry) for number, entry in enumerate(entries, 1)]
    return b"".join((*members, _member(0, Entry("TRAILER!!!", 0))))


def _member(number: int, entry: Entry) -> bytes:
    name = entry.path.encode() + b"\0"
    fields = (number, entry.mode, 0, 0, 1, 0, len(entry.content), 0, 0, *entry.device, len(name), 0)
    head = b"070701" + b"".join(b"%08x" % field for field in fields)
    return _padded(head + name) + _padded(entry.content)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
