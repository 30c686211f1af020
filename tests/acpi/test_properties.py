"""What holds for every term: iasl makes the same bytes, and they read back as the same values."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from optimux.acpi import names
from optimux.acpi.aml import Buffer, EisaId, Integer, NamePath, Package, Term
from optimux.acpi.battery import battery_table
from optimux.acpi.cursor import Cursor
from optimux.acpi.decode import DecodedTable, decode
from optimux.acpi.error import AmlError
from optimux.acpi.length import with_length
from optimux.acpi.objects import Device, Method, Name, Return, Scope
from optimux.acpi.report import as_data, as_text
from optimux.acpi.table import HEADER_SIZE, Header, build_table, parse_table
from optimux.errors import InvalidInput
from optimux.plan.battery import BATTERY_ONLY, FULL, Battery
from tests.acpi import strategies
from tests.acpi.strategies import ADDRESS
from tests.acpi.tools import iasl, source_of, tool

HEADER = Header("SSDT", 2, "TESTER", "TERMS", 1, "TEST", 1)
FEW = settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
MANY = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def _agrees(terms: list[Term]) -> bool:
    tool("iasl")
    with tempfile.TemporaryDirectory() as folder:
        # -ot: these names carry no predefined types to check.
        theirs, _ = iasl(Path(folder), source_of(terms), "-ot")
    return theirs[HEADER_SIZE:] == b"".join(term.encode() for term in terms)


@FEW
@given(st.lists(strategies.values, min_size=60, max_size=120))
def test_iasl_agrees_on_values(values: list[Term]) -> None:
    assert _agrees([Name(f"V{index:03}", value) for index, value in enumerate(values)])


@FEW
@given(strategies.bodies)
def test_iasl_agrees_on_objects_and_names(body: list[Term]) -> None:
    assert _agrees([Device("ROOT", (ADDRESS, *body))])


@FEW
@given(st.lists(st.lists(strategies.segments, min_size=1, max_size=6), min_size=20, max_size=60))
def test_iasl_agrees_on_paths(paths: list[list[str]]) -> None:
    tops = [_nested(index, path) for index, path in enumerate(paths)]
    targets = ["\\" + ".".join((f"T{index:03}", *path)) for index, path in enumerate(paths)]
    references = [Name(f"R{index:03}", Package((NamePath(name),))) for index, name in enumerate(targets)]
    assert _agrees([*tops, *references])


def _nested(index: int, path: list[str]) -> Device:
    body: tuple[Term, ...] = (ADDRESS,)
    for name in reversed(path):
        body = (ADDRESS, Device(name, body))
    return Device(f"T{index:03}", body)


@pytest.mark.parametrize("sizes", [strategies.sizes_near_limits[:12], strategies.sizes_near_limits[12:]])
def test_iasl_agrees_around_every_length_boundary(sizes: list[int]) -> None:
    packages = [strategies.filler(size) for size in sizes]
    for size, package in zip(sizes, packages, strict=True):
        assert sum(len(element.encode()) for element in package.elements) + 1 == size
    assert _agrees([Name(f"P{index:03}", package) for index, package in enumerate(packages)])


def test_iasl_agrees_on_names_that_are_words_of_asl(tmp_path: Path) -> None:
    words = sorted(word for word in names.ASL_WORDS if len(word) < 4)
    assert _agrees([Name(word, Integer(7)) for word in words])
    for word in sorted(names.ASL_WORDS - set(words)):
        with pytest.raises(AmlError, match="word of ASL"):
            Name(word, Integer(7)).asl()
        with pytest.raises(AssertionError, match="syntax error"):
            iasl(tmp_path, source_of([Name("NM00", Integer(7))]).replace("NM00", word))


@pytest.mark.parametrize("around", [62, 63, 64, 4093, 4094, 4095])
def test_iasl_agrees_on_devices_methods_scopes_and_buffers_of_a_size(around: int) -> None:
    buffers = [Name(f"B{size % 1000:03}", Buffer(bytes(size))) for size in range(around - 4, around + 1)]
    rest: list[Term] = []
    for size in range(around - 32, around - 2):
        value = strategies.filler(size - 12)
        rest.append(Device(f"D{size % 1000:03}", (ADDRESS, Name("PKG_", value))))
        rest.append(Method(f"M{size % 1000:03}", 0, (Return(value),)))
        rest.append(Scope(NamePath("\\_SB"), (Name(f"S{size % 1000:03}", value),)))
    assert _agrees([*buffers, *rest])


def test_iasl_tells_a_wrong_term_from_a_right_one() -> None:
    class Wrong(Integer):
        def encode(self) -> bytes:
            return b"\x0a" + bytes((self.value,))

    assert _agrees([Name("V000", Integer(1))])
    assert not _agrees([Name("V000", Wrong(1))])


@MANY
@given(st.integers(0, 70_000) | st.sampled_from(strategies.sizes_near_limits))
def test_lengths_read_back(size: int) -> None:
    data = with_length(bytes(size))
    assert Cursor(data, 0, len(data), 64).package_end() == len(data)


@MANY
@given(strategies.scopes)
def test_terms_read_back(scope: Scope) -> None:
    decoded = decode(build_table(HEADER, scope.encode()))
    assert decoded.notes == ()
    expected = [("\\_SB", "Scope", None, None), *_expected("\\_SB", scope.body)]
    assert [(entry.path, entry.kind, entry.value, entry.arguments) for entry in decoded.objects] == expected
    as_text(decoded).encode("ascii")
    as_data(decoded)


def _expected(scope: str, body: tuple[Term, ...]) -> list[tuple[str, str, Term | None, int | None]]:
    rows: list[tuple[str, str, Term | None, int | None]] = []
    for term in body:
        assert isinstance(term, Name | Method | Device)
        path = f"{scope}.{NamePath(term.name).text}"
        if isinstance(term, Name):
            rows.append((path, "Name", _stored(term.value), None))
        elif isinstance(term, Method):
            value = next((_stored(part.value) for part in term.body if isinstance(part, Return)), None)
            rows.append((path, "Method", value, term.arguments))
        else:
            rows += [(path, "Device", None, None), *_expected(path, term.body)]
    return rows


def _stored(value: Term) -> Term:
    """What AML keeps of a value: an id is a number."""
    if isinstance(value, Package):
        return Package(tuple(map(_stored, value.elements)))
    return value.integer if isinstance(value, EisaId) else value


figures = st.integers(0, 0x7FFF_FFFF)
texts = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=255)


@MANY
@given(
    st.sampled_from([BATTERY_ONLY, FULL]),
    st.integers(1, 0x7FFF_FFFF),
    st.fixed_dictionaries(
        {"voltage": figures, "uid": figures, "cycle_count": figures, "model": texts, "serial": texts}
    ),
)
def test_any_battery_reads_back(base: Battery, capacity: int, changes: dict[str, Any]) -> None:
    battery = base.with_capacity(capacity).replace(**changes)
    decoded = decode(battery_table(battery))
    bif = decoded.value("\\_SB.PCI0.BAT0._BIF")
    assert isinstance(bif, Package)
    assert [getattr(bif.elements[index], "value", None) for index in (1, 2, 4)] == [capacity, capacity, battery.voltage]
    assert [getattr(bif.elements[index], "text", None) for index in (9, 10)] == [battery.model, battery.serial]
    assert decoded.value("\\_SB.PCI0.BAT0._UID") == Integer(battery.uid)
    assert decoded.table.checksum_valid
    assert decoded.notes == ()


def _read(data: bytes) -> DecodedTable | None:
    """A table or a refusal; anything else ends the test."""
    try:
        decoded = decode(data)
    except InvalidInput:
        return None
    as_text(decoded).encode("ascii")
    as_data(decoded)
    return decoded


@MANY
@given(st.binary(max_size=300))
def test_random_bytes_are_refused_or_read(data: bytes) -> None:
    _read(data)


@settings(MANY, max_examples=600)
@given(
    st.lists(
        st.sampled_from([0, 1, 6, 8, 0x0A, 0x0D, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x2E, 0x2F, 0x41, 0x5B])
        | st.sampled_from([0x5C, 0x5E, 0x80, 0x81, 0x82, 0x83, 0xA0, 0xA4, 0xFF])
        | st.integers(0, 255),
        max_size=80,
    )
)
def test_random_code_is_read_with_notes(code: list[int]) -> None:
    assert _read(build_table(HEADER, bytes(code))) is not None


@settings(MANY, max_examples=300)
@given(
    st.sampled_from([BATTERY_ONLY, FULL]),
    st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=4),
    st.integers(0, 400),
)
def test_damaged_tables_are_refused_or_read(battery: Battery, damage: list[tuple[int, int]], cut: int) -> None:
    data = bytearray(battery_table(battery))
    for index, value in damage:
        data[index % len(data)] = value
    _read(bytes(data))
    shorter = _read(bytes(data[:-cut] if cut else data))
    assert cut == 0 or shorter is None or parse_table(bytes(data[:-cut])).length <= len(data) - cut
