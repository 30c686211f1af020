"""The battery of a guest, as pure data: what the table says, not how it is encoded."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from optimux.errors import InvalidInput, Problem
from optimux.record import Record

if TYPE_CHECKING:
    from optimux.options.vm.battery import BatteryVariant

# _BIX and _BIF take 0 to 0x7FFFFFFF; above it only 0xFFFFFFFF, "unknown", has a meaning (ACPI 6.5 §10.2.2).
MAX_FIGURE = 0x7FFF_FFFF
_FIGURES = ("uid", "voltage", "warning", "low", "granularity1", "granularity2", "cycle_count")
_TEXTS = ("model", "serial", "type_", "oem_info")
_HEADER_TEXTS = {"oem_id": 6, "oem_table_id": 8, "compiler_id": 4}
_HEADER_NUMBERS = ("oem_revision", "compiler_revision")


class Battery(Record):
    """A full battery on mains. Raises ``InvalidInput`` with every field that no table can hold.

    ``capacity`` is design and last full capacity alike; it, ``warning``, ``low`` and the granularities are in mWh for
    the variant ``full`` (ACPI0003 adapter, ``_BIX``, ``_BIF``, ``_BST``), in mAh for ``battery-only`` (``_BIF``,
    ``_BST``). ``voltage`` is in mV. ``adapter_name`` and ``cycle_count`` are for ``full`` alone.
    """

    variant: BatteryVariant = "full"
    name: str = "BAT0"
    adapter_name: str = "ADP1"
    uid: int = 0
    capacity: int = 88_800
    voltage: int = 14_800
    warning: int = 8_880
    low: int = 4_440
    granularity1: int = 888
    granularity2: int = 888
    model: str = ""
    serial: str = ""
    type_: str = "LION"
    oem_info: str = ""
    cycle_count: int = 0
    oem_id: str = "OPTMUX"
    oem_table_id: str = "BATTERY"
    oem_revision: int = 1
    compiler_id: str = "OPTX"
    compiler_revision: int = 1

    def __post_init__(self) -> None:
        if problems := [*_variant(self), *_names(self), *_figures(self), *_texts(self), *_header(self)]:
            raise InvalidInput(problems)

    def with_capacity(self, capacity: int) -> Battery:
        """Another capacity, with what is a share of it: warning at 10 %, low at 5 %, steps of 1 %."""
        step = max(1, capacity // 100)
        return self.replace(
            capacity=capacity, warning=capacity // 10, low=capacity // 20, granularity1=step, granularity2=step
        )


def _problem(field: str, found: object, allowed: str, remedy: str) -> Problem:
    return Problem(f"battery.{field}", repr(found), allowed, remedy)


def _variant(battery: Battery) -> list[Problem]:
    if battery.variant in ("full", "battery-only"):
        return []
    return [_problem("variant", battery.variant, "full, battery-only", "Choose one of them.")]


def _names(battery: Battery) -> list[Problem]:
    # A leading underscore is a name of the specification's own (ACPI 6.5 §5.3).
    names = {"name": battery.name, "adapter_name": battery.adapter_name}
    problems = [
        _problem(field, name, "a letter and up to three of A-Z, 0-9, _", "Use a name such as BAT0.")
        for field, name in names.items()
        if not re.fullmatch(r"[A-Z][A-Z0-9_]{0,3}", name)
    ]
    if battery.variant == "full" and battery.name.ljust(4, "_") == battery.adapter_name.ljust(4, "_"):
        allowed = "a name that the battery does not have"
        problems.append(_problem("adapter_name", battery.adapter_name, allowed, "Rename one of the two."))
    return problems


def _figures(battery: Battery) -> list[Problem]:
    limits = dict.fromkeys(_FIGURES, MAX_FIGURE) | {"warning": battery.capacity, "low": battery.warning}
    problems = [
        _problem(field, value, f"0 to {limit}", "Correct the figure.")
        for field, limit in limits.items()
        if not 0 <= (value := getattr(battery, field)) <= max(0, limit)
    ]
    if not 0 < battery.capacity <= MAX_FIGURE:
        problems.append(_problem("capacity", battery.capacity, f"1 to {MAX_FIGURE}", "Correct the figure."))
    return problems


def _texts(battery: Battery) -> list[Problem]:
    return [
        _problem(field, value, "at most 255 printable ASCII characters", "Shorten or transliterate it.")
        for field in _TEXTS
        if not re.fullmatch(r"[ -~]{0,255}", value := getattr(battery, field))
    ]


def _header(battery: Battery) -> list[Problem]:
    texts = [
        _problem(field, value, f"1 to {size} of A-Z, a-z, 0-9, _ and -", "Shorten or transliterate it.")
        for field, size in _HEADER_TEXTS.items()
        if not re.fullmatch(rf"[A-Za-z0-9_-]{{1,{size}}}", value := getattr(battery, field))
    ]
    numbers = [
        _problem(field, value, "0 to 4294967295", "Correct the figure.")
        for field in _HEADER_NUMBERS
        if not 0 <= (value := getattr(battery, field)) < 1 << 32
    ]
    return texts + numbers


# 14.8 V times 6 Ah, so that both tables tell of the same battery.
FULL = Battery()

BATTERY_ONLY = Battery(
    variant="battery-only",
    oem_id="BOCHS",
    oem_table_id="BXPCSSDT",
    compiler_id="INTL",
    compiler_revision=0x2019_1018,
).with_capacity(6_000)
