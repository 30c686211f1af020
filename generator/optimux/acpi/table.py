"""The 36-byte header of every ACPI table, and its checksum (ACPI 6.5 §5.2.6): built and read here alone.

====== ==== ==========================
offset size field
====== ==== ==========================
0      4    signature
4      4    length, header included
8      1    revision
9      1    checksum: all bytes sum up to 0 modulo 256
10     6    OEM id
16     8    OEM table id
24     4    OEM revision
28     4    compiler id
32     4    compiler revision
====== ==== ==========================
"""

from __future__ import annotations

import re
from struct import Struct

from optimux.acpi.error import AmlError, in_range
from optimux.errors import InvalidInput, Problem
from optimux.record import Record

_HEADER = Struct("<4sIBB6s8sI4sI")
HEADER_SIZE = _HEADER.size
CHECKSUM_OFFSET = 9


class Header(Record):
    """The fields that are not computed; texts are without the NULs that fill them."""

    signature: str
    revision: int
    oem_id: str
    oem_table_id: str
    oem_revision: int
    compiler_id: str
    compiler_revision: int


class ParsedTable(Record):
    """A table as found: ``content`` is what follows the header, ``expected_checksum`` what byte 9 should be."""

    header: Header
    length: int
    checksum: int
    expected_checksum: int
    content: bytes
    trailing: int

    @property
    def checksum_valid(self) -> bool:
        """Whether all bytes sum up to 0."""
        return self.checksum == self.expected_checksum


def checksum(data: bytes) -> int:
    """The byte that makes the sum of ``data`` 0 modulo 256, byte 9 left out of the sum."""
    return -(sum(data) - data[CHECKSUM_OFFSET]) & 0xFF


def build_table(header: Header, content: bytes) -> bytes:
    """A whole table. Raises ``AmlError`` for header fields out of range and for 4 GiB and more."""
    packed = _HEADER.pack(
        _ascii(header.signature, 4, "signature"),
        in_range(HEADER_SIZE + len(content), 32, "the table's length"),
        in_range(header.revision, 8, "the revision"),
        0,
        _ascii(header.oem_id, 6, "OEM id"),
        _ascii(header.oem_table_id, 8, "OEM table id"),
        in_range(header.oem_revision, 32, "the OEM revision"),
        _ascii(header.compiler_id, 4, "compiler id"),
        in_range(header.compiler_revision, 32, "the compiler revision"),
    )
    table = bytearray(packed + content)
    table[CHECKSUM_OFFSET] = checksum(bytes(table))
    return bytes(table)


def parse_table(data: bytes, source: str = "") -> ParsedTable:
    """Read a header back; ``source`` names the input in errors. Raises ``InvalidInput`` for what is no table."""
    if len(data) < HEADER_SIZE:
        raise _no_table(source, f"{len(data)} bytes", f"at least {HEADER_SIZE}, the size of the header")
    signature, length, revision, found, *rest = _HEADER.unpack_from(data)
    if not re.fullmatch(rb"[A-Z0-9_!]{4}", signature):
        raise _no_table(source, f"the signature {signature!r}", "four of A-Z and 0-9, such as SSDT")
    if not HEADER_SIZE <= length <= len(data):
        raise _no_table(source, f"the length {length} in a file of {len(data)} bytes", "a table that is complete")
    oem_id, oem_table_id, oem_revision, compiler_id, compiler_revision = rest
    header = Header(
        _text(signature),
        revision,
        _text(oem_id),
        _text(oem_table_id),
        oem_revision,
        _text(compiler_id),
        compiler_revision,
    )
    table = data[:length]
    return ParsedTable(header, length, found, checksum(table), table[HEADER_SIZE:], len(data) - length)


def _ascii(text: str, size: int, what: str) -> bytes:
    if len(text) > size or not re.fullmatch(r"[\x20-\x7e]*", text):
        raise AmlError(f"the {what} {text!r} is not {size} ASCII characters or fewer")
    return text.encode("ascii")


def _text(field: bytes) -> str:
    # Latin-1 keeps what is no ASCII visible; a reader of foreign tables must not fail over a vendor's byte.
    return field.rstrip(b"\0").decode("latin-1")


def _no_table(source: str, found: str, allowed: str) -> InvalidInput:
    return InvalidInput([Problem(source, found, allowed, "Give it an ACPI table as firmware or a compiler wrote it.")])
