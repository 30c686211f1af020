"""Whether a table is one that this program writes: by its objects, not by its figures and names."""

from __future__ import annotations

import pytest

from optimux.acpi.aml import EisaId, Integer, NamePath, String, Term
from optimux.acpi.battery import battery_table
from optimux.acpi.objects import Device, Method, Name, Return, Scope
from optimux.acpi.recognise import is_battery_table
from optimux.acpi.table import Header, build_table
from optimux.plan.battery import BATTERY_ONLY, FULL

TABLE = battery_table(BATTERY_ONLY)
HEADER = Header("SSDT", 1, "A", "B", 1, "C", 1)


def _written(*body: Term) -> bytes:
    content = Scope(NamePath("\\_SB.PCI0"), (Device("BAT0", body),))
    return build_table(HEADER, content.encode())


def _patched(was: bytes, now: bytes) -> bytes:
    """The battery's table with some bytes otherwise, and the checksum right again."""
    assert TABLE.count(was) == 1
    data = bytearray(TABLE.replace(was, now))
    data[9] = 0
    data[9] = -sum(data) & 0xFF
    return bytes(data)


def test_both_variants_are_ours_with_any_figure_or_name() -> None:
    for battery in (FULL, BATTERY_ONLY):
        assert is_battery_table(battery_table(battery))
        assert is_battery_table(battery_table(battery.with_capacity(50_000).replace(serial="1")))
    assert is_battery_table(_patched(b"BAT0", b"BATX"))


@pytest.mark.parametrize(
    "data",
    [
        _patched(b"_BST", b"_BTP"),
        _patched(b"\x41\xd0\x0c\x0a", b"\x41\xd0\x0c\x09"),
        _patched(b"SSDT\xa1", b"DSDT\xa1"),
        TABLE[:9] + bytes([TABLE[9] ^ 1]) + TABLE[10:],
        TABLE + b"\0",
        TABLE[:-1],
        b"",
        build_table(HEADER, b""),
        _written(Name("_HID", EisaId("PNP0C0A"))),
        _written(Method("_STA", 0, (Return(Integer(0x1F)),))),
        _written(Name("_HID", String("x"))),
    ],
    ids=range(11),
)
def test_the_twin_what_is_not(data: bytes) -> None:
    assert not is_battery_table(data)


def test_a_method_with_an_argument_is_another() -> None:
    method = Method("_BST", 0, ()).encode()[2:7]
    at = TABLE.index(method[:4]) + 4
    data = bytearray(TABLE)
    data[at] = 1
    data[9] = 0
    data[9] = -sum(data) & 0xFF
    assert not is_battery_table(bytes(data))
