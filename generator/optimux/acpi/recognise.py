"""Whether a table is one of the battery tables that this program writes, whatever its figures and names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimux.acpi.battery import battery_table
from optimux.acpi.decode import decode
from optimux.errors import InvalidInput
from optimux.plan.battery import BATTERY_ONLY, FULL

if TYPE_CHECKING:
    from optimux.acpi.decode import DecodedTable

_Shape = tuple[tuple[str, str, int | None, str], ...]


def is_battery_table(data: bytes) -> bool:
    """Whether it has the objects of the one variant or the other, in their order, and a valid checksum."""
    shape = _shape_of(data)
    return bool(shape) and shape in {_shape_of(battery_table(battery)) for battery in (FULL, BATTERY_ONLY)}


def _shape_of(data: bytes) -> _Shape:
    """Kind, fixed name, arguments and hardware id of every object; nothing for what is no such table."""
    try:
        decoded = decode(data)
    except InvalidInput:
        return ()
    table = decoded.table
    if table.header.signature != "SSDT" or not table.checksum_valid or table.trailing or decoded.notes:
        return ()
    return _objects(decoded)


def _objects(decoded: DecodedTable) -> _Shape:
    names = [(entry, entry.path.rpartition(".")[2]) for entry in decoded.objects]
    return tuple(
        (entry.kind, name if name.startswith("_") else "", entry.arguments, repr(entry.value) if name == "_HID" else "")
        for entry, name in names
    )
