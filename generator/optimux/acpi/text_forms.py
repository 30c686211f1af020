"""Tables that went through text: base64, hexadecimal digits, and what acpidump or a hex viewer prints."""

from __future__ import annotations

import base64
import binascii
import re

from optimux.record import Record

_BASE64 = re.compile(rb"[A-Za-z0-9+/\s]+={0,2}\s*")
_DIGITS = re.compile(rb"(?:0x)?[0-9a-fA-F]{2}(?:(?:[\s,]+(?:0x)?)?[0-9a-fA-F]{2})*[\s,]*")
# "    0000: 53 53 44 54  SSDT" of acpidump, "00000000  53 53 |SS|" of hexdump, "00000000: 5353 4454  SSDT" of xxd.
_LINE = re.compile(rb"\s*([0-9a-fA-F]{4,8}):?\s((?:\s*[0-9a-fA-F]{2}){1,16})(?:\s.*)?")
_HEAD = re.compile(rb"([A-Z0-9_]{4}) @ 0x[0-9a-fA-F]+\s*")


class TextForm(Record):
    """The table's bytes, and the name of the text that they were read from; empty for a table as it is."""

    table: bytes
    form: str


def from_text(data: bytes) -> TextForm:
    """The bytes of a table, out of text where it is text of a known form; anything else stays as it is."""
    start = data.strip()
    if not start or b"\0" in data or not start.isascii():
        return TextForm(data, "")
    for form, read in (("acpidump text", _dump), ("hexadecimal text", _hex), ("base64 text", _base64)):
        table = read(start)
        if table is not None and len(table) >= 36 and re.fullmatch(rb"[A-Z0-9_]{4}", table[:4]):
            return TextForm(table, form)
    return TextForm(data, "")


def _dump(text: bytes) -> bytes | None:
    """The first table of a dump: lines of an offset and at most 16 bytes each."""
    found = bytearray()
    for line in text.splitlines():
        if _HEAD.fullmatch(line) or not line.strip():
            if found:
                break
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            return bytes(found) if found else None
        if int(match[1], 16) != len(found):
            break  # hexdump ends with the offset of the end
        found += bytes.fromhex(b"".join(match[2].split()).decode())
    return bytes(found) or None


def _hex(text: bytes) -> bytes | None:
    if not _DIGITS.fullmatch(text):
        return None
    return bytes.fromhex(re.sub(rb"0x|[\s,]", b"", text).decode())


def _base64(text: bytes) -> bytes | None:
    if not _BASE64.fullmatch(text):
        return None
    try:
        return base64.b64decode(b"".join(text.split()), validate=True)
    except binascii.Error:
        return None
