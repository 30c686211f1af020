"""The battery table of a VM, from its options."""

from __future__ import annotations

from optimux.options.vm.battery import BatteryOptions
from optimux.plan.battery import ARTICLE, FULL, Battery


def resolve_battery(options: BatteryOptions) -> Battery:
    """The variant's own values, with those that the user gave."""
    base = ARTICLE if options.variant == "article" else FULL
    if options.capacity is not None:
        base = base.with_capacity(options.capacity)
    given = {"voltage": options.voltage, "model": options.model, "serial": options.serial, "oem_info": options.oem}
    return base.replace(**{name: value for name, value in given.items() if value is not None})
