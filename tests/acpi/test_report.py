"""What ``ssdt --decode`` prints, to the letter: the text for people and the keys for programs.

``--update-golden`` writes what it prints now.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from optimux.acpi.aml import Buffer, EisaId, Integer, NamePath, Package, String, Term
from optimux.acpi.battery import battery_table
from optimux.acpi.decode import decode
from optimux.acpi.length import with_length
from optimux.acpi.objects import Device, External, Method, Name, Return, Scope
from optimux.acpi.report import as_data, as_text
from optimux.acpi.table import Header, build_table
from optimux.plan.battery import BATTERY_ONLY, FULL

REPORTS = Path(__file__).with_name("reports")
UNKNOWN = Integer(0xFFFF_FFFF)


class Raw(Term):
    """Bytes as they are."""

    code: bytes

    def encode(self) -> bytes:
        return self.code


def _integers(*values: int) -> tuple[Term, ...]:
    return tuple(map(Integer, values))


def _scope(opcode: str, name: bytes, fixed: int) -> Raw:
    return Raw(bytes.fromhex(opcode) + with_length(name + bytes(fixed) + Name("_UID", Integer(fixed)).encode()))


TEXTS = (String("MODEL"), String("SERIAL"), String("LION"), String("OEM"))
BIX = Package((*_integers(1, 0, 50000, 40000, 0, 12000, 500, 100, 7, 95000, 1, 2, 3, 4, 5, 6), *TEXTS, Integer(1)))
# Power unit, capacities, technology, voltage, warning, low, granularities; the last figures are not known.
BIF = Package((*_integers(1, 5000, 4000, 1, 11100, 200, 100, 2, 3), *TEXTS))
PRIMARY = Package((Integer(2), UNKNOWN, Integer((1 << 64) - 1), Integer(0), Integer(1), *_integers(2, 3, 4, 5)))
IDLE = Package(_integers(0, 1, 2))
EVERYTHING: tuple[Term, ...] = (
    *(External(NamePath(f"EX{kind}{kind}"), kind, kind % 7) for kind in (0, 1, 2, 3, 4, 6, 8)),
    Scope(
        NamePath("\\_SB"),
        (
            Name("FIGS", BIF),
            Name("PCL_", Package((NamePath("_SB"), NamePath("LOCK"), Buffer(b"\x01"), String("a")))),
            Device(
                "BAT0",
                (
                    Name("_HID", EisaId("PNP0C0A")),
                    Name("_CID", String("ACPI0003")),
                    Method("_STA", 0, (Return(Integer(0b11111)),)),
                    # A single name is looked for upwards, through two scopes.
                    Device("CHLD", (Name("_BIF", NamePath("FIGS")), Method("_BST", 0, (Return(NamePath("NOWH")),)))),
                    Name("_BIX", BIX),
                    Name("_BST", Package(_integers(0b1111, 10, 20, 30))),
                    Method("MANY", 3, ()),
                ),
            ),
            Device(
                "BAT1", (Name("_BIF", PRIMARY), Name("_BST", Package(_integers(0, 1, 2))), Name("_STA", Integer(0)))
            ),
            Device(
                "AC__", (Name("_HID", String("ACPI0003")), Name("_PSR", Integer(1)), Name("_PR0", Integer(1 << 31)))
            ),
            Device("AC1_", (Name("_PSR", Integer(0)), Name("_HID", Integer(5)), Name("BIGG", Integer((1 << 31) - 1)))),
            Name("B032", Buffer(bytes(range(32)))),
            Name("B033", Buffer(bytes(range(33)))),
            _scope("5b85", b"THRM", 0),
            _scope("5b84", b"PRSC", 3),
            _scope("5b83", b"CPU0", 6),
        ),
    ),
    Raw(bytes.fromhex("5b 80 52 45 47 49 00 0a 10 0a 20")),  # OperationRegion (REGI, SystemMemory, 0x10, 0x20)
    Raw(bytes.fromhex("5b 01 4d 55 54 58 07 5b 02 45 56 54 30 06 4d 55 54 58 41 4c 53 5f")),  # Mutex, Event, Alias
    Raw(bytes.fromhex("5b 81 06 52 45 47 49 01 5b 86 02 00 5b 87 02 00 a1 02 a3 a2 02 a3")),  # Field to While
    Raw(bytes.fromhex("a0 08 01 08 59 45 53 5f 00 a0 08 00 08 4e 4f 50 45 00")),  # If (1) Name YES_, If (0) Name NOPE
    Raw(bytes.fromhex("14 09 43 4f 44 45 02 70 60 61")),  # a method that stores
    Name("LAST", Integer(7)),
)
HEADER = Header("SSDT", 2, "OEM", "TABLE", 0x10, "TEST", 0x20)


def _steered(table: bytes) -> bytes:
    """With an escape character and a DEL in the OEM id, which no checksum knows of."""
    return table[:10] + b"\x1b\x7f" + table[12:]


TABLES = {
    "battery-only": battery_table(BATTERY_ONLY),
    "full": battery_table(FULL),
    "everything": _steered(build_table(HEADER, b"".join(term.encode() for term in EVERYTHING))) + b"rest",
}


@pytest.mark.parametrize("name", TABLES)
def test_to_the_letter(name: str, update_golden: bool) -> None:
    decoded = decode(TABLES[name])
    found = {
        f"{name}.txt": as_text(decoded),
        f"{name}.json": json.dumps(as_data(decoded), indent=1) + "\n",
    }
    for file, text in found.items():
        if update_golden:
            (REPORTS / file).write_text(text, encoding="utf-8")
        assert (REPORTS / file).read_text(encoding="utf-8") == text
