"""Tables of other people: what iasl makes of common battery source, and what is hostile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from optimux.acpi.aml import Integer, Package, String
from optimux.acpi.battery import battery_table
from optimux.acpi.cursor import Cursor, UndecodableError
from optimux.acpi.decode import _place, decode
from optimux.acpi.report import as_data, as_text
from optimux.acpi.table import Header, build_table
from optimux.errors import InvalidInput
from optimux.plan.battery import BATTERY_ONLY, FULL
from tests.acpi.tools import iasl

if TYPE_CHECKING:
    from pathlib import Path

FOREIGN = r"""
DefinitionBlock ("", "SSDT", 1, "VENDOR", "BATTERY", 0x00001000)
{
    External (\_SB.PCI0, DeviceObj)
    External (\_SB.PCI0.LPCB.EC0, DeviceObj)
    External (ECRD, MethodObj)

    Scope (\_SB.PCI0)
    {
        OperationRegion (ERAM, SystemMemory, 0xFE00, 0x0100)
        Field (ERAM, ByteAcc, NoLock, Preserve)
        {
            BCAP, 16
        }
        Mutex (MTX0, 0x00)
        Event (EVT0)
        Device (BAT1)
        {
            Name (_HID, EisaId ("PNP0C0A"))
            Name (_UID, "one")
            Name (_PCL, Package (0x01) { _SB })
            Name (PBIF, Package (0x0D)
            {
                0x01, Ones, 0x1000, 0x01, 0x2B5C, 0xC8, 0x64, 0x01, 0x01, "M", "S", "LION", "V"
            })
            Name (PBST, Package (0x04) { 0x02, 0x00, 0x00, 0x2B5C })
            Alias (PBIF, ABIF)
            Name (BUFF, Buffer (0x04) { 0x01, 0x02 })
            Method (_STA, 0, NotSerialized)
            {
                Return (0x0F)
            }
            Method (_BIF, 0, NotSerialized)
            {
                Return (PBIF)
            }
            Method (_BST, 0, Serialized)
            {
                PBST [0x02] = BCAP
                Return (PBST)
            }
            Device (CHLD)
            {
                Name (_ADR, Zero)
            }
        }
        Device (AC)
        {
            Name (_HID, "ACPI0003")
            Method (_PSR, 0, NotSerialized)
            {
                Return (Zero)
            }
        }
    }
}
"""


def test_a_vendors_table(tmp_path: Path) -> None:
    table, _ = iasl(tmp_path, FOREIGN)
    decoded = decode(table)
    found = {(entry.kind, entry.path) for entry in decoded.objects}
    assert {
        ("External", "\\_SB.PCI0.LPCB.EC0"),
        ("OperationRegion", "\\_SB.PCI0.ERAM"),
        ("Mutex", "\\_SB.PCI0.MTX0"),
        ("Event", "\\_SB.PCI0.EVT0"),
        ("Device", "\\_SB.PCI0.BAT1.CHLD"),
        ("Alias", "\\_SB.PCI0.BAT1.ABIF"),
        ("Device", "\\_SB.PCI0.AC"),
    } <= found
    bif = decoded.value("\\_SB.PCI0.BAT1._BIF")
    assert isinstance(bif, Package)
    assert bif == decoded.value("\\_SB.PCI0.BAT1.PBIF")
    assert bif.elements[1] == Integer(0xFFFF_FFFF)
    assert bif.elements[-1] == String("V")
    assert len(decoded.notes) == 1
    assert decoded.notes[0].startswith("not decoded: Field, opcode 0x5B81 at offset 0x")
    bst = next(entry for entry in decoded.objects if entry.path.endswith("_BST"))
    assert (bst.value, bst.note[:31]) == (None, "not decoded: opcode 0x70 at off")
    assert table[int(bst.note.rsplit(" ", 1)[1], 16)] == 0x70


def test_the_report_names_fields_and_units(tmp_path: Path) -> None:
    table, _ = iasl(tmp_path, FOREIGN)
    text = as_text(decode(table))
    for line in (
        "checksum 0x",
        "power unit                  1  (mA, mAh)",
        "design capacity             0xffffffff  (unknown)",
        "last full capacity          4096 mAh",
        "design voltage              11100 mV",
        "15  present, enabled, shown, functioning",
        "0  off mains",
        "PNP0C0A",
    ):
        assert line in text
    assert "battery present" not in text


def test_the_report_of_our_own_table() -> None:
    text = as_text(decode(battery_table(FULL)))
    assert "last full capacity          88800 mWh" in text
    assert "present rate                0 mW\n" in text
    assert "battery present" in text
    assert "mAh" not in text.replace("(mA, mAh)", "")
    assert "WRONG" not in text


def test_a_wrong_checksum_is_a_verdict() -> None:
    broken = bytearray(battery_table(BATTERY_ONLY))
    broken[9] = 0xF3
    decoded = decode(bytes(broken))
    assert "checksum 0xf3: WRONG, 0xf4 would be right" in as_text(decoded)
    header = as_data(decoded)["header"]
    assert (header["checksumValid"], header["expectedChecksum"]) == (False, 0xF4)


def test_data_for_programs() -> None:
    data = as_data(decode(battery_table(BATTERY_ONLY)))
    assert data["header"]["oemId"] == "BOCHS"
    entries = {entry["path"]: entry for entry in data["objects"]}
    bif = entries["\\_SB.PCI0.BAT0._BIF"]
    assert bif["fields"]["designVoltage"] == {"value": 14800, "unit": "mV"}
    assert bif["fields"]["batteryType"] == {"value": "LION"}
    assert bif["value"][:3] == [1, 6000, 6000]
    assert entries["\\_SB.PCI0.BAT0._HID"]["meaning"] == "PNP0C0A"
    assert data["notes"] == []


def _table(code: str | bytes) -> bytes:
    content = bytes.fromhex(code) if isinstance(code, str) else code
    return build_table(Header("SSDT", 2, "T", "T", 1, "T", 1), content)


@pytest.mark.parametrize(
    ("code", "note"),
    [
        ("08 41 42 43 44 70", "opcode 0x70 at offset 0x0029; skipped to offset 0x002a"),
        ("5b 31", "opcode 0x5B31 at offset 0x0024"),
        ("5b", "1 bytes wanted at offset 0x0025, 0 left"),
        ("10 3f 5c", "package length 63 at offset 0x0025 does not fit, 2 left"),
        ("10 00", "package length 0 at offset 0x0025"),
        ("10 05 61 62 63 64", "'abcd' at offset 0x0026 is no name"),
        ("10 03 2f 00", "an empty name at offset 0x0026"),
        ("08 41 42 43 44 0d 41", "the string at offset 0x0029 has no end"),
        ("08 41 42 43 44 0d ff 00", "the string at offset 0x0029 is no ASCII"),
        ("08 41 42 43 44", "no value at offset 0x0029"),
        ("a0 06 41 42 43 44 a3", "a condition at offset 0x002a"),
    ],
)
def test_what_is_not_decoded_says_why_and_where(code: str, note: str) -> None:
    assert any(note in found for found in decode(_table(code)).notes)


def test_reading_goes_on_behind_a_package_that_is_not_decoded() -> None:
    decoded = decode(_table("08 41 41 41 41 12 03 01 70  10 03 2f 00  08 42 42 42 42 0a 07"))
    assert len(decoded.notes) == 2
    assert decoded.value("\\BBBB") == Integer(7)
    assert decoded.objects[0].note == "value not decoded"


def test_nesting_is_bounded() -> None:
    package, scope = b"\x01", b""
    for _ in range(500):
        content = b"\x01" + package
        package = b"\x12" + bytes((0x80 | (len(content) + 3) & 0xF, (len(content) + 3) >> 4 & 0xFF, 0)) + content
        inner = b"AAAA" + scope
        scope = b"\x10" + bytes((0x80 | (len(inner) + 3) & 0xF, (len(inner) + 3) >> 4 & 0xFF, 0)) + inner
    decoded = decode(_table(b"\x08BBBB" + package + scope))
    assert ["nested deeper than 32" in note for note in decoded.notes] == [True, True]


def test_names_that_lead_in_a_circle_have_no_value() -> None:
    decoded = decode(_table(b"\x08AAAABBBB\x08BBBBAAAA"))
    assert decoded.value("\\AAAA") is None
    as_text(decoded)


@pytest.mark.parametrize("signature", ["FACP", "APIC"])
def test_tables_without_aml_are_refused(signature: str) -> None:
    with pytest.raises(InvalidInput, match=f"signature {signature}.*SSDT"):
        decode(build_table(Header(signature, 1, "T", "T", 1, "T", 1), bytes(40)), "file")


@pytest.mark.parametrize("count", [255, 256])
def test_as_many_elements_as_a_package_may_have(count: int) -> None:
    """A package of a size that is worked out (§20.2.5.4) may say more than one of a fixed size can."""
    length = 2 + 3 + count
    data = bytes((0x13, 1 << 6 | length & 0xF, length >> 4, 0x0B)) + count.to_bytes(2, "little") + bytes(count)
    if count > 255:
        with pytest.raises(UndecodableError, match="a package of 256 elements at offset"):
            Cursor(data, 0, len(data), 64).data_object(0)
    else:
        Cursor(data, 0, len(data), 64).data_object(0)


@pytest.mark.parametrize("count", [63, 64])
def test_as_many_names_as_a_path_may_have(count: int) -> None:
    scope = "\\" + ".".join(["ABCD"] * count)
    if count > 63:
        with pytest.raises(UndecodableError, match="a path of more than 64 names at offset"):
            _place(Cursor(b"ABCD", 0, 4, 64), f"{scope}.ABCD")
    else:
        assert _place(Cursor(b"ABCD", 0, 4, 64), scope).count("ABCD") == count + 1
