"""The battery table of a VM, from its options, and the files that hold the tables."""

from __future__ import annotations

from collections.abc import Iterable

from optimux.options.vm.battery import BatteryOptions
from optimux.plan.battery import BATTERY_ONLY, FULL, Battery
from optimux.plan.model import BatteryTable, DomainPlan


def resolve_battery(options: BatteryOptions) -> Battery:
    """The variant's own values, with those that the user gave."""
    base = BATTERY_ONLY if options.variant == "battery-only" else FULL
    if options.capacity is not None:
        base = base.with_capacity(options.capacity)
    return base.replace(
        voltage=base.voltage if options.voltage is None else options.voltage,
        model=base.model if options.model is None else options.model,
        serial=base.serial if options.serial is None else options.serial,
        oem_info=base.oem_info if options.oem is None else options.oem,
    )


def battery_tables(domains: Iterable[DomainPlan]) -> tuple[BatteryTable, ...]:
    """One file a path, its owner the first VM that names it; a path in the Nix store is the user's own derivation."""
    owners: dict[str, BatteryTable] = {}
    for domain in domains:
        path = domain.battery_path
        if domain.battery and not path.startswith("/nix/store/"):
            owners.setdefault(path, BatteryTable(domain.key, path, domain.battery))
    return tuple(owners.values())
