"""The battery table of a VM, from its options."""

from __future__ import annotations

from optimux.options.vm.battery import BatteryOptions
from optimux.plan.battery import ARTICLE, FULL, Battery


def resolve_battery(options: BatteryOptions) -> Battery:
    """The variant's own values, with those that the user gave."""
    base = ARTICLE if options.variant == "article" else FULL
    given: dict[str, object] = _capacities(options.capacity) if options.capacity else {}
    given |= {
        "voltage": options.voltage,
        "model": options.model,
        "serial": options.serial,
        "oem_info": options.oem,
    }
    return base.replace(**{name: value for name, value in given.items() if value is not None})


def _capacities(capacity: int) -> dict[str, object]:
    """A capacity of the user's, with warning at 10 %, low at 5 %, steps of 1 %, as the article's table has them."""
    step = max(1, capacity // 100)
    return {
        "capacity": capacity,
        "warning": capacity // 10,
        "low": capacity // 20,
        "granularity1": step,
        "granularity2": step,
    }
