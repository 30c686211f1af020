"""The two tables: their bytes, what ACPICA says of them, and what they answer when evaluated."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

import pytest

from optimux.acpi.battery import battery_asl, battery_table
from optimux.acpi.table import parse_table
from optimux.errors import InvalidInput
from optimux.plan.battery import BATTERY_ONLY, FULL, Battery
from tests.acpi.tools import disassemble, evaluate, iasl

if TYPE_CHECKING:
    from pathlib import Path

ARTICLE_BYTES = """
53 53 44 54 a1 00 00 00 01 f4           SSDT, 161 bytes, revision 1, checksum
42 4f 43 48 53 00                       OEM BOCHS
42 58 50 43 53 53 44 54 01 00 00 00     table BXPCSSDT, revision 1
49 4e 54 4c 18 10 19 20                 compiler INTL, 20191018
a0 0f 00                                If (Zero)
15 5c 2e 5f 53 42 5f 50 43 49 30 06 00  External (\\_SB.PCI0, DeviceObj)
10 4c 06 2e 5f 53 42 5f 50 43 49 30     Scope (_SB.PCI0)
5b 82 4f 05 42 41 54 30                 Device (BAT0)
08 5f 48 49 44 0c 41 d0 0c 0a           Name (_HID, EisaId ("PNP0C0A"))
08 5f 55 49 44 00                       Name (_UID, Zero)
14 09 5f 53 54 41 00                    Method (_STA)
a4 0a 1f                                Return (0x1F)
14 2b 5f 42 49 46 00                    Method (_BIF)
a4 12 23 0d                             Return (Package (13)
01 0b 70 17 0b 70 17                    mA, 6000 mAh design, 6000 mAh last full
01 0b d0 39                             rechargeable, 14800 mV
0b 58 02 0b 2c 01                       warning at 600 mAh, low at 300 mAh
0a 3c 0a 3c                             steps of 60 mAh
0d 00 0d 00                             model, serial number
0d 4c 49 4f 4e 00 0d 00                 LION, OEM information
14 12 5f 42 53 54 00                    Method (_BST)
a4 12 0a 04                             Return (Package (4)
00 00 0b 70 17 0b d0 39                 at rest, no current, 6000 mAh, 14800 mV
"""
SHA256 = {
    "battery-only": "1d973edc1c30fdedf8b576e12c7de89821b48fbdc95042500fdb68e1dd1c801c",
    "full": "04f8c51f3ed0edb145873ed52bfbbc0da08c50210ec7038c81a3e134ae6893b0",
}
# The checksum, and the compiler's id and revision, differ between compilers.
OWN = {9, *range(28, 36)}
BATTERIES = [
    BATTERY_ONLY,
    FULL,
    FULL.with_capacity(83_000).replace(
        name="BAT", adapter_name="AC", uid=300, model='HSTNN-"DB\\9P', serial="00421", oem_info="HP", cycle_count=42
    ),
    BATTERY_ONLY.replace(name="B1", uid=1, capacity=0x7FFF_FFFF, voltage=65_536, oem_id="AB-_9", oem_table_id="x"),
    FULL.replace(model="m" * 255, serial="s" * 255, oem_info="o" * 255),
]
EACH = pytest.mark.parametrize("battery", BATTERIES, ids=["battery-only", "full", "renamed", "large", "long"])


def _from_listing(listing: str) -> bytes:
    rows = (re.match(r"(?:[0-9a-f]{2} )*[0-9a-f]{2}", line) for line in listing.strip().splitlines())
    return bytes.fromhex(" ".join(row[0] for row in rows if row))


def test_the_articles_table_byte_for_byte() -> None:
    expected = _from_listing(ARTICLE_BYTES)
    assert len(expected) == 161
    assert battery_table(BATTERY_ONLY) == expected
    assert battery_table(BATTERY_ONLY.replace(voltage=14_801)) != expected


@pytest.mark.parametrize("battery", [BATTERY_ONLY, FULL], ids=["battery-only", "full"])
def test_tables_are_pinned(battery: Battery) -> None:
    assert hashlib.sha256(battery_table(battery)).hexdigest() == SHA256[battery.variant]


@EACH
def test_iasl_makes_the_same_bytes_of_the_source(tmp_path: Path, battery: Battery) -> None:
    theirs, said = iasl(tmp_path, battery_asl(battery))
    ours = battery_table(battery)
    assert "0 Errors, 0 Warnings, 0 Remarks" in said
    assert len(ours) == len(theirs)
    assert {index for index, pair in enumerate(zip(ours, theirs, strict=True)) if pair[0] != pair[1]} <= OWN
    assert parse_table(ours).checksum_valid
    assert parse_table(theirs).checksum_valid


def test_iasl_makes_other_bytes_of_another_battery(tmp_path: Path) -> None:
    theirs, _ = iasl(tmp_path, battery_asl(FULL.replace(voltage=14_801)))
    assert theirs[36:] != battery_table(FULL)[36:]


@EACH
def test_disassembles_without_a_complaint(tmp_path: Path, battery: Battery) -> None:
    source, said = disassemble(tmp_path, battery_table(battery))
    assert "Disassembly completed" in said
    assert not re.search("error|warning|remark|invalid|exception", said + source, re.IGNORECASE)
    assert f"Device ({battery.name.ljust(4, '_').rstrip('_')})" in source


def test_a_wrong_checksum_is_a_complaint(tmp_path: Path) -> None:
    broken = bytearray(battery_table(FULL))
    broken[9] ^= 1
    _, said = disassemble(tmp_path, bytes(broken))
    assert re.search("Incorrect checksum", said, re.IGNORECASE)


@pytest.mark.parametrize("battery", [FULL, BATTERIES[2]], ids=["full", "renamed"])
def test_acpica_evaluates_the_full_table(tmp_path: Path, battery: Battery) -> None:
    device, adapter = f"\\_SB.PCI0.{battery.name}", f"\\_SB.PCI0.{battery.adapter_name}"
    b, methods = battery, ("_STA", "_BIX", "_BIF", "_BST", "_BTP 5")
    said = evaluate(
        tmp_path, battery_table(b), [*(f"{device}.{name}" for name in methods), f"{adapter}._PSR", f"{adapter}._PCL"]
    )
    figures = [b.capacity, b.capacity, 1, b.voltage, b.warning, b.low]
    steps, texts = [b.granularity1, b.granularity2], [b.model, b.serial, "LION", b.oem_info]
    unknown = 0xFFFF_FFFF
    assert _answer(said, f"{device}._STA") == [0x1F]
    assert _answer(said, f"{device}._BIX") == [
        *(0, 0, *figures, b.cycle_count, 100_000, unknown, unknown, unknown, unknown, *steps, *texts)
    ]
    assert _answer(said, f"{device}._BIF") == [0, *figures, *steps, *texts]
    assert _answer(said, f"{device}._BST") == [0, 0, b.capacity, b.voltage]
    assert _answer(said, f"{device}._BTP") == []
    assert _answer(said, f"{adapter}._PSR") == [1]
    assert "Name _SB_ Device" in said
    _assert_quiet(said)


def test_acpica_evaluates_the_articles_table(tmp_path: Path) -> None:
    device = "\\_SB.PCI0.BAT0"
    said = evaluate(tmp_path, battery_table(BATTERY_ONLY), [f"{device}.{name}" for name in ("_STA", "_BIF", "_BST")])
    assert _answer(said, f"{device}._STA") == [0x1F]
    assert _answer(said, f"{device}._BIF") == [1, 6000, 6000, 1, 14800, 600, 300, 60, 60, "", "", "LION", ""]
    assert _answer(said, f"{device}._BST") == [0, 0, 6000, 14800]
    _assert_quiet(said)


def test_acpica_finds_no_method_that_is_not_there(tmp_path: Path) -> None:
    path = "\\_SB.PCI0.BAT0._BIX"
    said = evaluate(tmp_path, battery_table(BATTERY_ONLY), [path])
    assert f"{path} failed with status AE_NOT_FOUND" in said
    with pytest.raises(AssertionError):
        _assert_quiet(said)


def _assert_quiet(said: str) -> None:
    assert not re.search(r"error|warning|failed|exception|AE_", said, re.IGNORECASE), said


def _answer(said: str, path: str) -> list[int | str]:
    """The integers and strings that acpiexec printed for a method."""
    match = re.search(rf"^Evaluating {re.escape(path)}\n(.*?)(?=^Evaluating|^ACPI: No outst|\Z)", said, re.M | re.S)
    assert match, f"{path} was not evaluated:\n{said}"
    rows = re.findall(r'\[Integer\] = ([0-9A-F]{16})|\[String\] Length [0-9A-F]+ = "(.*)"$', match[1], re.M)
    return [int(number, 16) if number else re.sub(r"\\(.)", r"\1", text) for number, text in rows]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("variant", "half"),
        ("name", "_STA"),
        ("name", "BATT0"),
        ("name", "bat0"),
        ("adapter_name", "BAT0"),
        ("adapter_name", ""),
        ("uid", -1),
        ("capacity", 0),
        ("capacity", 1 << 31),
        ("voltage", 1 << 31),
        ("warning", 88_801),
        ("low", 8_881),
        ("granularity1", -1),
        ("cycle_count", 1 << 32),
        ("model", "ü"),
        ("serial", "\0"),
        ("type_", "L\n"),
        ("oem_info", "x" * 256),
        ("oem_id", "SEVENCH"),
        ("oem_table_id", ""),
        ("compiler_id", "a b"),
        ("oem_revision", 1 << 32),
        ("compiler_revision", -1),
    ],
)
def test_what_no_table_can_hold_is_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        FULL.replace(**{field: value})
    assert f"battery.{field}" in [problem.path for problem in caught.value.problems]


def test_all_problems_at_once() -> None:
    with pytest.raises(InvalidInput) as caught:
        Battery(name="?", capacity=-5, model="\n")
    assert {problem.path for problem in caught.value.problems} >= {"battery.name", "battery.capacity", "battery.model"}


@pytest.mark.parametrize("capacity", [1, 19, 100, 83_000, 1_000_000])
def test_shares_follow_the_capacity(capacity: int) -> None:
    battery = FULL.with_capacity(capacity)
    assert battery.low <= battery.warning <= battery.capacity == capacity
    assert battery.granularity1 >= 1
