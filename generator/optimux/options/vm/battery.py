"""``vms.<name>.battery``: the battery that NVIDIA's laptop driver looks for."""

from __future__ import annotations

from typing import Literal

from optimux.declare import Bool, Choice, Declared, Int, Text, option
from optimux.declare.values import PATH

BatteryVariant = Literal["full", "battery-only"]
BatteryAttach = Literal["acpi", "commandline"]


class BatteryOptions(Declared):
    enable: bool = option("enable", Bool(), default=True, doc="Whether the guest has the battery table. Needs ACPI.")
    variant: BatteryVariant = option(
        "variant",
        Choice(BatteryVariant, formerly={"article": "battery-only"}),
        default="full",
        doc="full: adapter and battery with _BIX, in mWh; battery-only: no adapter, and _BIF alone, in mAh.",
    )
    attach: BatteryAttach | None = option(
        "attach",
        Choice(BatteryAttach),
        default=None,
        doc="How QEMU gets it: libvirt's <acpi><table> (11.2 and newer) or a -acpitable argument. Null is acpi where "
        "the planned libvirt has it.",
        example="commandline",
    )
    path: str | None = option(
        "path",
        PATH,
        default=None,
        doc="Where the table lies on the host. Null is /var/lib/libvirt/acpi/optimux-<vm>.aml: AppArmor lets QEMU read "
        "that folder, not /etc or /usr/share.",
        example="/var/lib/libvirt/acpi/ssdt1.dat",
    )
    capacity: int | None = option(
        "capacity",
        Int(1, 1_000_000),
        default=None,
        doc="Design capacity: mWh for full, mAh for battery-only. Null is the variant's own.",
        example=83_000,
    )
    voltage: int | None = option(
        "voltage",
        Int(1, 100_000),
        default=None,
        doc="Design voltage. Null is the variant's.",
        unit="mV",
        example=11_550,
    )
    model: str | None = option(
        "model",
        Text(r"[ -~]{0,32}", "at most 32 ASCII characters"),
        default=None,
        doc="Model number.",
        example="HSTNN-DB9P",
    )
    serial: str | None = option(
        "serial",
        Text(r"[ -~]{0,32}", "at most 32 ASCII characters"),
        default=None,
        doc="Serial number.",
        example="00421",
    )
    oem: str | None = option(
        "oem", Text(r"[ -~]{0,32}", "at most 32 ASCII characters"), default=None, doc="OEM information.", example="HP"
    )
