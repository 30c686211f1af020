"""A decoded table for people and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optimux.acpi import fields, names
from optimux.acpi.aml import Buffer, Integer, NamePath, Package, eisa_text
from optimux.acpi.decode import resolve
from optimux.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from optimux.acpi.aml import Term
    from optimux.acpi.decode import DecodedObject, DecodedTable
    from optimux.acpi.fields import Field

MAX_BYTES = 32
MAX_PATH = 40


class Row(Record):
    """One element of a known package, or the meaning of one value."""

    key: str
    label: str
    value: Term
    unit: str
    meaning: str


def as_data(decoded: DecodedTable) -> dict[str, Any]:
    """The table as JSON's types. Buffers are ``{"buffer": hex}``, names ``{"reference": path}``."""
    known = {entry.path: entry for entry in decoded.objects}
    return {
        "header": _header_data(decoded),
        "objects": [_object_data(known, entry) for entry in decoded.objects],
        "notes": list(decoded.notes),
    }


def as_text(decoded: DecodedTable) -> str:
    """A readable report, ASCII alone."""
    known = {entry.path: entry for entry in decoded.objects}
    lines = [*_header_lines(decoded), ""]
    for entry in decoded.objects:
        lines += _object_lines(known, entry)
    lines += [f"\n{note}" for note in decoded.notes]
    return "\n".join(lines) + "\n"


def _header_data(decoded: DecodedTable) -> dict[str, Any]:
    table, header = decoded.table, decoded.table.header
    return {
        "signature": header.signature,
        "length": table.length,
        "revision": header.revision,
        "checksum": table.checksum,
        "checksumValid": table.checksum_valid,
        "expectedChecksum": table.expected_checksum,
        "oemId": header.oem_id,
        "oemTableId": header.oem_table_id,
        "oemRevision": header.oem_revision,
        "compilerId": header.compiler_id,
        "compilerRevision": header.compiler_revision,
    }


def _header_lines(decoded: DecodedTable) -> list[str]:
    table, header = decoded.table, decoded.table.header
    verdict = "valid" if table.checksum_valid else f"WRONG, {table.expected_checksum:#04x} would be right"
    return [
        f"{header.signature}, {table.length} bytes, revision {header.revision}",
        f"OEM {_plain(header.oem_id)}, table {_plain(header.oem_table_id)}, revision {header.oem_revision:#x}",
        f"compiler {_plain(header.compiler_id)}, revision {header.compiler_revision:#010x}",
        f"checksum {table.checksum:#04x}: {verdict}",
    ]


def _plain(text: str) -> str:
    """Header text that cannot steer a terminal."""
    return "".join(letter if " " <= letter <= "~" else f"\\x{ord(letter):02x}" for letter in text)


def _object_data(known: Mapping[str, DecodedObject], entry: DecodedObject) -> dict[str, Any]:
    data: dict[str, Any] = {"path": entry.path, "kind": entry.kind, "offset": entry.offset}
    if entry.arguments is not None:
        data["arguments"] = entry.arguments
    if entry.value is not None:
        data["value"] = _json(entry.value)
    rows = list(_rows(known, entry))
    if fields_ := {row.key: _row_data(row) for row in rows if row.label}:
        data["fields"] = fields_
    elif rows:
        data["meaning"] = rows[0].meaning
    if entry.note:
        data["note"] = entry.note
    return data


def _row_data(row: Row) -> dict[str, Any]:
    extra = {"unit": row.unit, "meaning": row.meaning}
    return {"value": _json(row.value)} | {key: text for key, text in extra.items() if text}


def _json(value: Term) -> Any:
    if isinstance(value, Integer):
        return value.value
    if isinstance(value, Package):
        return [_json(element) for element in value.elements]
    if isinstance(value, Buffer):
        return {"buffer": value.data.hex()}
    return {"reference": value.text} if isinstance(value, NamePath) else getattr(value, "text", None)


def _object_lines(known: Mapping[str, DecodedObject], entry: DecodedObject) -> list[str]:
    rows = list(_rows(known, entry))
    # A package whose elements follow by name need not be printed twice.
    value = "" if entry.value is None or (isinstance(entry.value, Package) and rows) else _brief(entry.value)
    if len(rows) == 1 and rows[0].label == "":
        value, rows = f"{value}  {rows[0].meaning}", []
    head = f"{entry.kind:<9} {entry.path}"
    tail = "  ".join(filter(None, (value, entry.note)))
    return [f"{head:<{MAX_PATH}}  {tail}".rstrip(), *(_row_line(row) for row in rows)]


def _row_line(row: Row) -> str:
    value = _brief(row.value) + (f" {row.unit}" if row.unit and row.meaning != "unknown" else "")
    return f"{'':<12}{row.label:<28}{value}" + (f"  ({row.meaning})" if row.meaning else "")


def _brief(value: Term) -> str:
    if isinstance(value, Integer):
        return f"{value.value}" if value.value < 1 << 31 else f"{value.value:#x}"
    if isinstance(value, Package):
        return "{" + ", ".join(map(_brief, value.elements)) + "}"
    if isinstance(value, Buffer):
        shown = value.data[:MAX_BYTES].hex(" ")
        return f"{len(value.data)} bytes: {shown}" + (" ..." if len(value.data) > MAX_BYTES else "")
    # Names such as LOCK are words of ASL, which its source cannot hold, though a table can.
    return value.text if isinstance(value, NamePath) else value.asl()


def _rows(known: Mapping[str, DecodedObject], entry: DecodedObject) -> Iterator[Row]:
    """What is known about an object by its name; nothing for other objects."""
    if entry.kind not in ("Name", "Method"):
        return
    last, value = names.short(entry.path[1:].rsplit(".", 1)[-1]), resolve(known, entry.path)
    if isinstance(value, Package) and last in fields.PACKAGES:
        units = fields.UNITS.get(_power_unit(known, entry.path), {})
        for field, element in zip(fields.PACKAGES[last], value.elements, strict=False):
            yield _row(field, element, units)
    elif isinstance(value, Integer) and (meaning := _meaning(last, value.value)):
        yield Row("meaning", "", value, "", meaning)


def _power_unit(known: Mapping[str, DecodedObject], path: str) -> int:
    """The unit that the device of ``path`` reports in; -1 when its packages do not say."""
    for name, index in fields.POWER_UNIT_INDEX.items():
        package = resolve(known, names.absolute(names.absolute(path, "^"), name))
        if isinstance(package, Package) and len(package.elements) > index:
            unit = package.elements[index]
            if isinstance(unit, Integer):
                return unit.value
    return -1


def _row(field: Field, element: Term, units: Mapping[str, str]) -> Row:
    unit = units.get(field.unit, "") if field.unit in (fields.CAPACITY, fields.RATE) else field.unit
    return Row(field.key, field.label, element, unit, _element_meaning(field, element))


def _element_meaning(field: Field, element: Term) -> str:
    if not isinstance(element, Integer):
        return ""
    if element.value in fields.UNKNOWN:
        return "unknown"
    if field.label == "state":
        return fields.state_words(element.value)
    return field.words[element.value] if element.value < len(field.words) else ""


def _meaning(name: str, value: int) -> str:
    if name == "_STA":
        return fields.status_words(value)
    if name == "_PSR":
        return "on mains" if value else "off mains"
    return eisa_text(value) or "" if name in ("_HID", "_CID") else ""
