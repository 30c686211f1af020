"""What an ACPI table of the domain holds: read where the file can be read, guessed by its name where not."""

from __future__ import annotations

import re
from typing import Literal

from optimux.acpi.aml import Integer, eisa_text
from optimux.errors import InvalidInput
from optimux.patch.draft import Draft
from optimux.record import Record

# The fake battery that guides hand around has the first name, our own of any VM the second; others say what they are.
_BY_NAME = re.compile(r"ssdt1\.(dat|aml)|optimux-.*\.aml|(.*[^a-z])?(.*batter(y|ies)|bat)([-_.0-9].*)?", re.IGNORECASE)
_BATTERY, _ADAPTER = "PNP0C0A", "ACPI0003"
_PLACE = "\\_SB.PCI0.BAT0"


class Contents(Record):
    """What a table is to the guest's battery, and how that is known."""

    kind: Literal["battery", "more", "other", "unknown"]  # more: a battery beside other devices
    how: str


def judge(draft: Draft, path: str) -> Contents:
    """Of a table's file."""
    if path == draft.plan.battery_path:
        return Contents("battery", "it is the planned one")
    data = draft.read_table(path)
    if data is not None:
        return _read(data, path)
    if _BY_NAME.fullmatch(path.rpartition("/")[2]):
        return Contents("battery", "by its name; the file cannot be read here")
    return Contents("unknown", "the file cannot be read here, and it may be a battery: two of one name clash")


def _read(data: bytes, path: str) -> Contents:
    from optimux.acpi.decode import decode

    try:
        table = decode(data, path)
    except InvalidInput:
        return Contents("unknown", "the file is no table that can be read, and it may be a battery")
    ids = {entry.path: _text(entry.value) for entry in table.objects if entry.path.endswith("_HID")}
    holds = _BATTERY in ids.values() or any(entry.path == _PLACE for entry in table.objects)
    if not holds:
        doubt = "; a part of it could not be read" if table.notes else ""
        return Contents("other", f"it is read, and holds no battery{doubt}")
    more = set(ids.values()) - {_BATTERY, _ADAPTER}
    return Contents(
        "more" if more else "battery", f"it is read, and holds {', '.join(sorted(filter(None, ids.values())))}"
    )


def _text(value: object) -> str:
    if isinstance(value, Integer):
        return eisa_text(value.value) or f"{value.value:#x}"
    return str(getattr(value, "text", ""))
