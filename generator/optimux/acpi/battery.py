"""The battery table (ACPI 6.5 §10): AML and ASL from one set of terms."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from optimux.acpi.aml import EisaId, Integer, NamePath, Package, String
from optimux.acpi.objects import Device, External, Method, Name, Return, Scope
from optimux.acpi.table import Header, build_table

if TYPE_CHECKING:
    from optimux.acpi.aml import Term
    from optimux.plan.battery import Battery

PARENT = NamePath("\\_SB.PCI0")
# Present, enabled, shown, functioning, and bit 4: a battery is in its bay (§6.3.7, §10.2.1).
STATUS = 0x1F
MILLIWATT, MILLIAMPERE = 0, 1
RECHARGEABLE = 1
UNKNOWN = 0xFFFF_FFFF
# A figure that never changes is exact: 100 %, in thousandths of a percent.
EXACT = 100_000


@lru_cache(maxsize=64)
def battery_table(battery: Battery) -> bytes:
    """The whole SSDT. Raises ``AmlError`` for what AML cannot hold."""
    header = Header(
        "SSDT",
        _revision(battery),
        battery.oem_id,
        battery.oem_table_id,
        battery.oem_revision,
        battery.compiler_id,
        battery.compiler_revision,
    )
    return build_table(header, b"".join(term.encode() for term in _terms(battery)))


@lru_cache(maxsize=64)
def battery_asl(battery: Battery) -> str:
    """The source of the same table; the compiler's own id and revision, and so the checksum, differ."""
    head = (
        f'DefinitionBlock ("", "SSDT", {_revision(battery)}, {String(battery.oem_id).asl()}, '
        f"{String(battery.oem_table_id).asl()}, 0x{battery.oem_revision:08X})"
    )
    body = "\n\n".join(f"    {term.asl(1)}" for term in _terms(battery))
    return f"{head}\n{{\n{body}\n}}\n"


def _revision(battery: Battery) -> int:
    # 2 has stood for 64-bit integers since ACPI 2.0; the table of the battery alone is older than that.
    return 1 if battery.variant == "battery-only" else 2


def _terms(battery: Battery) -> tuple[Term, ...]:
    if battery.variant == "battery-only":
        return External(PARENT), Scope(NamePath("_SB.PCI0"), (_battery_only_device(battery),))
    return External(PARENT), Scope(PARENT, (_adapter(battery), _device(battery)))


def _adapter(battery: Battery) -> Device:
    # The id is a string: a four-letter vendor is no EISA id (§6.1.5).
    constants = (Name("_HID", String("ACPI0003")), Name("_PCL", _everything()))
    return Device(battery.adapter_name, (*constants, _constant("_PSR", Integer(1))))


def _device(battery: Battery) -> Device:
    methods = (
        _constant("_STA", Integer(STATUS)),
        _constant("_BIX", _bix(battery)),
        _constant("_BIF", _bif(battery, MILLIWATT)),
        _constant("_BST", _bst(battery)),
        # Windows sets trip points; a charge that never moves passes none, so there is nothing to do.
        Method("_BTP", 1, ()),
    )
    return Device(battery.name, (*_identity(battery), Name("_PCL", _everything()), *methods))


def _battery_only_device(battery: Battery) -> Device:
    methods = (
        _constant("_STA", Integer(STATUS)),
        _constant("_BIF", _bif(battery, MILLIAMPERE)),
        _constant("_BST", _bst(battery)),
    )
    return Device(battery.name, (*_identity(battery), *methods))


def _identity(battery: Battery) -> tuple[Name, Name]:
    return Name("_HID", EisaId("PNP0C0A")), Name("_UID", Integer(battery.uid))


def _everything() -> Package:
    """What a power source feeds (§10.3.2): all that there is."""
    return Package((NamePath("\\_SB"),))


def _constant(name: str, value: Term) -> Method:
    return Method(name, 0, (Return(value),))


def _integers(*values: int) -> tuple[Integer, ...]:
    return tuple(map(Integer, values))


def _texts(battery: Battery) -> tuple[String, ...]:
    return tuple(map(String, (battery.model, battery.serial, battery.type_, battery.oem_info)))


def _bif(battery: Battery, unit: int) -> Package:
    """13 elements (§10.2.2.1)."""
    b = battery
    figures = _integers(
        unit, b.capacity, b.capacity, RECHARGEABLE, b.voltage, b.warning, b.low, b.granularity1, b.granularity2
    )
    return Package((*figures, *_texts(b)))


def _bix(battery: Battery) -> Package:
    """20 elements, revision 0 (§10.2.2.2): sampling times and averaging intervals unknown."""
    b = battery
    first = _integers(0, MILLIWATT, b.capacity, b.capacity, RECHARGEABLE, b.voltage, b.warning, b.low, b.cycle_count)
    second = _integers(EXACT, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, b.granularity1, b.granularity2)
    return Package((*first, *second, *_texts(b)))


def _bst(battery: Battery) -> Package:
    """4 elements (§10.2.2.11): neither charging nor discharging, no current, full."""
    return Package(_integers(0, 0, battery.capacity, battery.voltage))
