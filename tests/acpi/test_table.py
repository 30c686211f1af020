"""The header and the checksum."""

from __future__ import annotations

from typing import Any

import pytest

from optimux.acpi.error import AmlError
from optimux.acpi.table import Header, build_table, parse_table
from optimux.errors import InvalidInput

HEADER = Header("SSDT", 2, "OEM", "TABLE", 0x01020304, "CC", 0x05060708)


def test_bytes_of_a_header() -> None:
    table = build_table(HEADER, b"\x01\x02")
    assert table.hex(" ") == (
        "53 53 44 54 26 00 00 00 02 a4 4f 45 4d 00 00 00 54 41 42 4c 45 00 00 00 "
        "04 03 02 01 43 43 00 00 08 07 06 05 01 02"
    )
    assert sum(table) % 256 == 0


def test_header_survives() -> None:
    parsed = parse_table(build_table(HEADER, b"content") + b"xyz")
    assert parsed.header == HEADER
    assert (parsed.content, parsed.length, parsed.trailing, parsed.checksum_valid) == (b"content", 43, 3, True)


def test_every_flipped_bit_of_the_content_breaks_the_checksum() -> None:
    table = build_table(HEADER, b"content")
    for index in range(10, len(table)):
        for bit in range(8):
            broken = bytearray(table)
            broken[index] ^= 1 << bit
            assert not parse_table(bytes(broken)).checksum_valid


@pytest.mark.parametrize(
    "changes",
    [
        {"signature": "SSDTX"},
        {"oem_id": "SEVENCH"},
        {"oem_table_id": "NINECHARS"},
        {"compiler_id": "FIVEC"},
        {"oem_id": "Ü"},
        {"oem_id": "A\n"},
        {"revision": 256},
        {"oem_revision": 1 << 32},
        {"compiler_revision": -1},
    ],
)
def test_fields_that_do_not_fit_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(AmlError):
        build_table(HEADER.replace(**changes), b"")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "0 bytes"),
        (build_table(HEADER, b"")[:35], "35 bytes"),
        (b"\x7fELF" + bytes(60), "signature"),
        (build_table(HEADER, b"content")[:-1], "length 43 in a file of 42 bytes"),
        (b"SSDT" + bytes(40), "length 0"),
    ],
)
def test_what_is_no_table_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        parse_table(data, "file")
