"""What Linux shows of the planned battery under /sys/class/power_supply (Linux, drivers/acpi/battery.c and ac.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optimux.plan.battery import Battery

_TECHNOLOGIES = {"LION": "Li-ion", "LI-ION": "Li-ion", "LIP": "Li-poly", "NICD": "NiCd", "NIMH": "NiMH"}
_TEXTS = ("MODEL_NAME", "SERIAL_NUMBER")
_TEXT_LENGTH = 31  # what Linux keeps of a text, before some version above 6.1


def expected_supplies(battery: Battery | None) -> dict[str, dict[str, str]]:
    """The uevent values of battery and adapter, by name. Linux counts in µWh, µAh and µV."""
    if battery is None:
        return {}
    supplies = {_name(battery.name): _battery(battery)}
    if battery.variant == "full":
        supplies[_name(battery.adapter_name)] = {"TYPE": "Mains", "ONLINE": "1"}
    return supplies


def supply_faults(wanted: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """Each value that differs from the plan's."""
    return [
        f"{key} is {found.get(key, 'missing')}, planned is {value}"
        for key, value in wanted.items()
        if found.get(key) not in (value, value[:_TEXT_LENGTH] if key in _TEXTS else value)
    ]


def _name(name: str) -> str:
    """ACPI fills a name up to four characters (ACPI 6.5 §5.3)."""
    return name.ljust(4, "_")


def _battery(battery: Battery) -> dict[str, str]:
    kind = "ENERGY" if battery.variant == "full" else "CHARGE"
    micro = str(battery.capacity * 1000)
    values = {
        "TYPE": "Battery",
        "STATUS": "Full",
        "CAPACITY": "100",
        f"{kind}_FULL_DESIGN": micro,
        f"{kind}_FULL": micro,
        f"{kind}_NOW": micro,
        "VOLTAGE_NOW": str(battery.voltage * 1000),
        "CYCLE_COUNT": str(battery.cycle_count),
        "MODEL_NAME": battery.model,
        "SERIAL_NUMBER": battery.serial,
    }
    technology = _TECHNOLOGIES.get(battery.type_.upper())
    return values | ({"TECHNOLOGY": technology} if technology else {})
