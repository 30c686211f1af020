"""What the elements of a battery's packages mean: labels and units (ACPI 6.5 §10.2.2, §10.3.1, §6.3.7)."""

from __future__ import annotations

from optimux.record import Record

# Units that the package's own "power unit" decides.
CAPACITY, RATE = "capacity", "rate"
UNITS = {0: {CAPACITY: "mWh", RATE: "mW"}, 1: {CAPACITY: "mAh", RATE: "mA"}}
UNKNOWN = (0xFFFF_FFFF, (1 << 64) - 1)


class Field(Record):
    """One element: its label, its unit where it has one, and the words for its values where they have them."""

    label: str
    unit: str = ""
    words: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The label in camel case, for JSON."""
        first, *rest = self.label.split()
        return first + "".join(word.capitalize() for word in rest)


_POWER_UNIT = Field("power unit", words=("mW, mWh", "mA, mAh"))
_CAPACITIES = (Field("design capacity", CAPACITY), Field("last full capacity", CAPACITY))
_TECHNOLOGY = Field("technology", words=("not rechargeable", "rechargeable"))
_LEVELS = (Field("design voltage", "mV"), Field("warning capacity", CAPACITY), Field("low capacity", CAPACITY))
_STEPS = (Field("granularity 1", CAPACITY), Field("granularity 2", CAPACITY))
_TEXTS = (Field("model number"), Field("serial number"), Field("battery type"), Field("oem information"))
_TIMES = (
    Field("maximum sampling time", "ms"),
    Field("minimum sampling time", "ms"),
    Field("maximum averaging interval", "ms"),
    Field("minimum averaging interval", "ms"),
)
_SWAPPING = Field("swapping capability", words=("not swappable", "cold swappable", "hot swappable"))

_HEAD = (_POWER_UNIT, *_CAPACITIES, _TECHNOLOGY, *_LEVELS)
_MEASURED = (Field("cycle count"), Field("accuracy", "1/1000 %"), *_TIMES)
_NOW = (Field("state"), Field("present rate", RATE), Field("remaining capacity", CAPACITY), Field("voltage", "mV"))
PACKAGES = {
    "_BIF": (*_HEAD, *_STEPS, *_TEXTS),
    "_BIX": (Field("revision"), *_HEAD, *_MEASURED, *_STEPS, *_TEXTS, _SWAPPING),
    "_BST": _NOW,
}
POWER_UNIT_INDEX = {"_BIF": 0, "_BIX": 1}
_STATES = ("discharging", "charging", "critical", "charge limited")
_STATUS = ("present", "enabled", "shown", "functioning", "battery present")


def state_words(state: int) -> str:
    """The bits of ``_BST``'s first element."""
    return _bits(state, _STATES) or "neither charging nor discharging"


def status_words(status: int) -> str:
    """The bits of ``_STA``."""
    return _bits(status, _STATUS) or "absent"


def _bits(value: int, words: tuple[str, ...]) -> str:
    return ", ".join(word for bit, word in enumerate(words) if value >> bit & 1)
