"""Each term in three parts: the source, the bytes, the constructor. iasl makes the same bytes of the same source."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from optimux.acpi import names
from optimux.acpi.aml import Buffer, EisaId, Integer, NamePath, Package, String, eisa_text
from optimux.acpi.error import AmlError
from optimux.acpi.length import package_length
from optimux.acpi.objects import Device, External, Method, Name, Return, Scope
from optimux.acpi.table import HEADER_SIZE
from tests.acpi.tools import iasl, source_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from optimux.acpi.aml import Term

VALUES = [
    ("0x00", "00", Integer(0)),
    ("0x01", "01", Integer(1)),
    ("0x02", "0a 02", Integer(2)),
    ("0xFF", "0a ff", Integer(0xFF)),
    ("0x100", "0b 00 01", Integer(0x100)),
    ("0xFFFF", "0b ff ff", Integer(0xFFFF)),
    ("0x10000", "0c 00 00 01 00", Integer(0x1_0000)),
    ("0xFFFFFFFF", "0c ff ff ff ff", Integer(0xFFFF_FFFF)),
    ("0x100000000", "0e 00 00 00 00 01 00 00 00", Integer(1 << 32)),
    ("0xFFFFFFFFFFFFFFFF", "ff", Integer((1 << 64) - 1)),
    ('""', "0d 00", String("")),
    ('"LION"', "0d 4c 49 4f 4e 00", String("LION")),
    (r'"a\"\\\x07"', "0d 61 22 5c 07 00", String('a"\\\x07')),
    ('EisaId ("PNP0C0A")', "0c 41 d0 0c 0a", EisaId("PNP0C0A")),
    ('EisaId ("PNP0000")', "0b 41 d0", EisaId("PNP0000")),
    ("Buffer (0x02) { 0x07, 0xFF }", "11 05 0a 02 07 ff", Buffer(b"\x07\xff")),
    ("Package (0x00)\n{\n\n}", "12 02 00", Package(())),
    ("Package (0x02)\n{\n    0x00,\n    0x07\n}", "12 05 02 00 0a 07", Package((Integer(0), Integer(7)))),
    ("Package (0x01)\n{\n    \\_SB\n}", "12 07 01 5c 5f 53 42 5f", Package((NamePath("\\_SB"),))),
]
OBJECTS = [
    ("Name (AB, 0x01)", "08 41 42 5f 5f 01", Name("AB", Integer(1))),
    ("Method (M001, 2, NotSerialized)\n{\n}", "14 06 4d 30 30 31 02", Method("M001", 2, ())),
    (
        "Method (_STA, 0, NotSerialized)\n{\n    Return (0x1F)\n}",
        "14 09 5f 53 54 41 00 a4 0a 1f",
        Method("_STA", 0, (Return(Integer(0x1F)),)),
    ),
    (
        "Device (DEV0)\n{\n    Name (_ADR, 0x00)\n}",
        "5b 82 0b 44 45 56 30 08 5f 41 44 52 00",
        Device("DEV0", (Name("_ADR", Integer(0)),)),
    ),
    (
        "Scope (\\_SB)\n{\n    Name (X, 0x00)\n}",
        "10 0c 5c 5f 53 42 5f 08 58 5f 5f 5f 00",
        Scope(NamePath("\\_SB"), (Name("X", Integer(0)),)),
    ),
    (
        "External (\\_SB.PCI0, DeviceObj)",
        "a0 0f 00 15 5c 2e 5f 53 42 5f 50 43 49 30 06 00",
        External(NamePath("\\_SB.PCI0")),
    ),
    (
        "External (\\AAAA.BBBB.CCCC, IntObj)",
        "a0 14 00 15 5c 2f 03 41 41 41 41 42 42 42 42 43 43 43 43 01 00",
        External(NamePath("\\AAAA.BBBB.CCCC"), 1),
    ),
]
# No compiler takes these alone, but their source begins where they stand.
PARTS = [
    ("Return (Package (0x01)\n{\n    0x00\n})", "a4 12 03 01 00", Return(Package((Integer(0),)))),
    (
        "Name (PK, Package (0x01)\n{\n    Package (0x01)\n    {\n        0x00\n    }\n})",
        "08 50 4b 5f 5f 12 06 01 12 03 01 00",
        Name("PK", Package((Package((Integer(0),)),))),
    ),
    (
        "Method (M, 0, NotSerialized)\n{\n    Return (Package (0x01)\n    {\n        0x00\n    })\n}",
        "14 0b 4d 5f 5f 5f 00 a4 12 03 01 00",
        Method("M", 0, (Return(Package((Integer(0),))),)),
    ),
]


@pytest.mark.parametrize(("source", "expected", "term"), VALUES + OBJECTS + PARTS)
def test_term_has_its_source_and_its_bytes(source: str, expected: str, term: Term) -> None:
    assert term.asl() == source
    assert term.encode() == bytes.fromhex(expected)


@pytest.mark.parametrize(("source", "expected", "term"), OBJECTS)
def test_iasl_agrees_on_objects(tmp_path: Path, source: str, expected: str, term: Term) -> None:
    table, _ = iasl(tmp_path, source_of([term]))
    assert table[HEADER_SIZE:] == bytes.fromhex(expected)


def test_iasl_agrees_on_values(tmp_path: Path) -> None:
    terms = [Name(f"V{index:03}", value) for index, (_, _, value) in enumerate(VALUES)]
    table, _ = iasl(tmp_path, source_of(terms))
    assert table[HEADER_SIZE:] == b"".join(term.encode() for term in terms)


def test_iasl_disagrees_with_another_value(tmp_path: Path) -> None:
    table, _ = iasl(tmp_path, source_of([Name("V000", Integer(7))]))
    assert table[HEADER_SIZE:] != Name("V000", Integer(8)).encode()


def test_paths_take_asls_shortest_spelling() -> None:
    assert NamePath("\\_SB_.PCI0.____") == NamePath("\\_SB.PCI0._")
    assert NamePath("^^AB__").text == "^^AB"
    assert NamePath("\\").encode() == b"\\\0"
    assert NamePath("A.B").encode() == b".A___B___"
    assert NamePath(".".join(["A"] * 255)).encode()[:2] == b"/\xff"


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (0, "01"),
        (62, "3f"),
        (63, "41 04"),
        (4093, "4f ff"),
        (4094, "81 00 01"),
        ((1 << 20) - 4, "8f ff ff"),
        ((1 << 20) - 3, "c1 00 00 01"),
        ((1 << 28) - 5, "cf ff ff ff"),
    ],
)
def test_package_length_at_its_boundaries(size: int, expected: str) -> None:
    assert package_length(size) == bytes.fromhex(expected)


REFUSED: list[Callable[[], object]] = [
    lambda: Integer(-1),
    lambda: Integer(1 << 64),
    lambda: String("\0"),
    lambda: String("ä"),
    lambda: EisaId("ACPI0003"),
    lambda: EisaId("pnp0c0a"),
    lambda: NamePath(""),
    lambda: NamePath("TOOLONG"),
    lambda: NamePath("1ABC"),
    lambda: NamePath("A..B"),
    lambda: NamePath("bat0"),
    lambda: NamePath("BAT\n"),
    lambda: NamePath(".".join(["A"] * 256)),
    lambda: Package((Integer(0),) * 256),
    lambda: Name("", Integer(0)),
    lambda: Device("A.B", ()),
    lambda: Method("M", 8, ()),
    lambda: External(NamePath("A"), 99),
    lambda: package_length((1 << 28) - 4),
]


@pytest.mark.parametrize("refused", REFUSED)
def test_what_aml_cannot_hold_is_refused(refused: Callable[[], object]) -> None:
    with pytest.raises(AmlError):
        refused()


def test_eisa_ids_are_read_back() -> None:
    assert eisa_text(EisaId("PNP0C0A").integer.value) == "PNP0C0A"
    assert [eisa_text(value) for value in (0, 1, 1 << 32, 0xFFFF_FFFF)] == [None] * 4


def test_a_name_that_is_a_word_of_asl() -> None:
    """In AML it is a name as any other."""
    word = next(word for word in sorted(names.ASL_WORDS) if len(word) == 4)
    assert Name(word, Integer(7)).encode()
    with pytest.raises(AmlError, match=f"{word} is a word of ASL: AML can hold the name, source cannot"):
        Name(word, Integer(7)).asl()
