"""The names of the files in an initramfs image, whatever it is packed with.

An image is a row of archives (Documentation/driver-api/early-userspace/buffer-format.rst): cpio's, uncompressed, with
zeros between them, and at last mostly one that is compressed. Unified images carry theirs in a section of a PE file.
"""

from __future__ import annotations

import bz2
import lzma
import struct
import subprocess
import zlib
from collections.abc import Iterator
from contextlib import suppress
from threading import Thread
from typing import IO, Any, Protocol

from optimux.errors import OptimuxError

HEADER = 110
MAGICS = (b"070701", b"070702")
LAST = "TRAILER!!!"
PIECE, PACKED_PIECE = 1 << 20, 1 << 14
# What is longer is no path, and no image has more files.
MOST_NAME, MOST_FILES = 4096, 200_000
MOST_UNPACKED = 4 << 30
# Of those the standard library cannot read until Python 3.14: the program that does.
PROGRAMS = {b"\x28\xb5\x2f\xfd": "zstd", b"\x02\x21\x4c\x18": "lz4", b"\x04\x22\x4d\x18": "lz4"}


class UnreadableError(OptimuxError):
    """The image is of a form that is not known here, or its unpacking failed."""


class _Reads(Protocol):
    def read(self, size: int, /) -> bytes:
        """Up to ``size`` bytes; none at the end."""


class _Packed:
    """What a decompressor of the standard library gives, from small pieces, so that none unpacks to gigabytes."""

    def __init__(self, decompressor: Any, data: memoryview) -> None:
        self._decompressor, self._data, self._place = decompressor, data, 0
        self._ready, self._given = b"", 0

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes. Raises ``UnreadableError``."""
        while self._given == len(self._ready) and self._place < len(self._data) and not self._decompressor.eof:
            piece = self._data[self._place : self._place + PACKED_PIECE]
            self._place += len(piece)
            try:
                self._ready, self._given = self._decompressor.decompress(piece), 0
            except (zlib.error, lzma.LZMAError, OSError, EOFError) as error:
                raise UnreadableError(f"its compression is broken: {error}") from None
        found = self._ready[self._given : self._given + size]
        self._given += len(found)
        return found


class _Plain:
    def __init__(self, data: memoryview) -> None:
        self._data, self.place = data, 0

    def read(self, size: int) -> bytes:
        found = bytes(self._data[self.place : self.place + size])
        self.place += len(found)
        return found


def names_in(image: bytes) -> set[str]:
    """Every path in the image, without a slash before it. Raises ``UnreadableError``."""
    data = memoryview(_of_unified(image))
    found: set[str] = set()
    place = 0
    while place < len(data):
        if data[place] == 0:
            place += 1
        elif bytes(data[place : place + 6]) in MAGICS:
            plain = _Plain(data[place:])
            found.update(_archive(plain))
            place += plain.place
        else:
            found.update(_compressed(data[place:]))
            break
    if not found:
        raise UnreadableError("there is nothing in it")
    return found


def _of_unified(image: bytes) -> bytes:
    """The section ``.initrd`` of a unified image (PE format §3, §4), else the image itself."""
    if not image.startswith(b"MZ"):
        return image
    with suppress(struct.error):
        start = struct.unpack_from("<I", image, 0x3C)[0]
        count, optional = struct.unpack_from("<H", image, start + 6)[0], struct.unpack_from("<H", image, start + 20)[0]
        for number in range(count):
            entry = start + 24 + optional + 40 * number
            if image[entry : entry + 8].rstrip(b"\0") == b".initrd":
                size, raw, place = struct.unpack_from("<I4xII", image, entry + 8)
                return image[place : place + min(size, raw)]
    raise UnreadableError("a unified image without an initramfs")


def _compressed(data: memoryview) -> set[str]:
    start = bytes(data[:6])
    program = PROGRAMS.get(start[:4])
    if program:
        return _by_program(program, data)
    made: Any
    if start.startswith(b"\x1f\x8b"):
        made = zlib.decompressobj(31)
    elif start.startswith(b"\xfd7zXZ"):
        made = lzma.LZMADecompressor()
    elif start.startswith(b"\x5d\0\0"):
        made = lzma.LZMADecompressor(lzma.FORMAT_ALONE)
    elif start.startswith(b"BZh"):
        made = bz2.BZ2Decompressor()
    else:
        raise UnreadableError("it is packed in a way that is not known here")
    return _archives(_Packed(made, data))


def _by_program(program: str, data: memoryview) -> set[str]:
    """What a program unpacks; a thread feeds it, as it writes while it reads."""
    pipe, quiet = subprocess.PIPE, subprocess.DEVNULL
    try:
        process = subprocess.Popen([program, "-dcq"], stdin=pipe, stdout=pipe, stderr=quiet)
    except OSError:
        raise UnreadableError(f"it is packed with {program}, which is not installed") from None
    assert process.stdout is not None
    feeder = Thread(target=_feed, args=(process.stdin, data), daemon=True)
    feeder.start()
    try:
        return _archives(process.stdout)
    finally:
        process.kill()
        process.wait()
        feeder.join()
        process.stdout.close()


def _feed(stdin: IO[bytes], data: memoryview) -> None:
    """All of the data, as long as somebody takes it."""
    with suppress(OSError), stdin:
        for place in range(0, len(data), PIECE):
            stdin.write(data[place : place + PIECE])


def _archives(stream: _Reads) -> set[str]:
    """What is compressed is a row of archives again, with zeros between."""
    bounded = _Bounded(stream)
    found: set[str] = set()
    while piece := bounded.read(4):
        if piece.strip(b"\0"):
            bounded.push(piece)
            found.update(_archive(bounded))
    return found


class _Bounded:
    """A stream that gives all that is asked for, up to its end, and ends with an error where it is too long."""

    def __init__(self, stream: _Reads) -> None:
        self._stream, self._first, self._left = stream, b"", MOST_UNPACKED

    def push(self, data: bytes) -> None:
        """Give these bytes first; none may be left of an earlier call."""
        self._first = data

    def read(self, size: int) -> bytes:
        """``size`` bytes, fewer at the end. Raises ``UnreadableError``."""
        pieces, self._first = [self._first], b""
        size -= len(pieces[0])
        while size and (piece := self._stream.read(size)):
            pieces.append(piece)
            size -= len(piece)
            self._left -= len(piece)
        if self._left < 0:
            raise UnreadableError("it is longer than any image")
        return b"".join(pieces)


def _archive(stream: _Reads) -> Iterator[str]:
    """The names of one archive (cpio(5), "new ASCII format"): header, name, content, each to four bytes."""
    for _ in range(MOST_FILES):
        header = _exactly(stream, HEADER)
        if header[:6] not in MAGICS:
            raise UnreadableError("an archive in it is broken")
        try:
            size, length = (int(header[place : place + 8], 16) for place in (54, 94))
        except ValueError:
            raise UnreadableError("an archive in it is broken") from None
        if not 0 < length <= MOST_NAME:
            raise UnreadableError("an archive in it is broken")
        name = _exactly(stream, length + -(HEADER + length) % 4)[: length - 1].decode("utf-8", "replace")
        if name == LAST:
            return
        _skip(stream, size + -size % 4)
        yield name.removeprefix("./").lstrip("/")
    raise UnreadableError("it has more files than any image")


def _exactly(stream: _Reads, size: int) -> bytes:
    pieces = []
    while size and (piece := stream.read(size)):
        pieces.append(piece)
        size -= len(piece)
    if size:
        raise UnreadableError("it ends too early")
    return b"".join(pieces)


def _skip(stream: _Reads, size: int) -> None:
    while size and (piece := stream.read(min(size, PIECE))):
        size -= len(piece)
    if size:
        raise UnreadableError("it ends too early")
