"""Tables out of text: base64, digits, and what acpidump, hexdump and xxd print."""

from __future__ import annotations

import base64

import pytest

from optimux.acpi.battery import battery_table
from optimux.acpi.table import Header, build_table
from optimux.acpi.text_forms import from_text
from optimux.plan.battery import BATTERY_ONLY

TABLE = battery_table(BATTERY_ONLY)
LINES = [TABLE[start : start + 16] for start in range(0, len(TABLE), 16)]
SMALLEST = build_table(Header("SSDT", 1, "A", "B", 1, "C", 1), b"")
DUMP = "".join(f"    {16 * n:04X}: {line.hex(' ').upper()}  {'.' * len(line)}\n" for n, line in enumerate(LINES))
HEXDUMP = "".join(f"{16 * n:08x}  {line.hex(' ')}  |{'.' * len(line)}|\n" for n, line in enumerate(LINES))
XXD = "".join(f"{16 * n:08x}: {line.hex(' ', -2)}  {'.' * len(line)}\n" for n, line in enumerate(LINES))
HEAD = "SSDT @ 0x0000000000000000\n"

TAKEN = {
    "base64 in lines": (base64.encodebytes(TABLE), "base64 text"),
    "digits": (TABLE.hex().encode(), "hexadecimal text"),
    "digits apart": (TABLE.hex(" ").upper().encode() + b"\r\n", "hexadecimal text"),
    "C": (", ".join(f"0x{byte:02x}" for byte in TABLE).encode(), "hexadecimal text"),
    "C with a last comma": (",".join(f"0x{byte:02X}" for byte in TABLE).encode() + b",\n", "hexadecimal text"),
    "acpidump": ((HEAD + DUMP).encode(), "acpidump text"),
    "no head": (DUMP.encode(), "acpidump text"),
    "hexdump with its end": (f"{HEXDUMP}{len(TABLE):08x}\n".encode(), "acpidump text"),
    "xxd": (XXD.encode(), "acpidump text"),
    # The first of them: an empty line, a second head, a line of other words or a gap ends it.
    "two tables": (f"{HEAD}{DUMP}\n{HEAD}{DUMP}".encode(), "acpidump text"),
    "two tables without an empty line": (f"{HEAD}{DUMP}{HEAD}{DUMP}".encode(), "acpidump text"),
    "words behind": (f"{HEAD}{DUMP}and so on\n".encode(), "acpidump text"),
    "a gap": (f"{HEAD}{DUMP}    FFFF: 00\n".encode(), "acpidump text"),
    "empty lines before": (f"\n{HEAD}\n\n{DUMP}".encode(), "acpidump text"),
}
LEFT = {
    "a table": TABLE,
    "nothing": b"",
    "spaces": b" \n",
    "words": b"no table",
    "words before a dump": f"words\n{DUMP}".encode(),
    "a dump that begins late": "\n".join(DUMP.splitlines()[1:]).encode(),
    "a gap in the header": "".join(line for n, line in enumerate(DUMP.splitlines(True)) if n != 1).encode(),
    "short base64": b"QUJD",
    "bad base64": base64.b64encode(TABLE).rstrip(b"=")[:-1],
    "no signature": b"00" * 40,
    "a signature in small letters": b"ssdt".hex().encode() + b"00" * 40,
    "one byte too few": SMALLEST[:-1].hex().encode(),
    "no ASCII": "é".encode() + TABLE.hex().encode(),
    "a zero": TABLE.hex().encode() + b"\0",
    "half a byte": TABLE.hex().encode() + b"0",
}


@pytest.mark.parametrize("name", TAKEN)
def test_taken(name: str) -> None:
    text, form = TAKEN[name]
    found = from_text(text)
    assert (found.table, found.form) == (TABLE, form)


def test_the_smallest() -> None:
    assert len(SMALLEST) == 36
    assert from_text(SMALLEST.hex().encode()).table == SMALLEST


@pytest.mark.parametrize("name", LEFT)
def test_anything_else_stays(name: str) -> None:
    found = from_text(LEFT[name])
    assert (found.table, found.form) == (LEFT[name], "")
