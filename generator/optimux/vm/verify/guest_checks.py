"""What the throwaway Linux saw, held against the plan: the table, battery and adapter, the shared memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimux.vm.evidence.checks import FAILED, SKIPPED, Check, judged
from optimux.vm.evidence.faults import size_fault, slot_fault, table_fault
from optimux.vm.evidence.ivshmem import ID, SharedDevice
from optimux.vm.verify.supplies import expected_supplies, supply_faults

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optimux.vm.evidence.checks import Subject
    from optimux.vm.linux.guest_report import GuestReport


def table_check(subject: Subject, report: GuestReport) -> Check:
    """The table, byte for byte, among those that Linux took."""
    name = "battery table in Linux"
    if subject.table is None:
        return Check(name, SKIPPED, "no battery is planned")
    fault = table_fault(subject.table, list(report.tables.values()))
    remedy = f"The domain must name {subject.table_path} as <table type='raw'> or -acpitable file=, unchanged."
    return judged(name, fault, f"{len(subject.table)} bytes in /sys/firmware/acpi/tables, each as generated", remedy)


def supply_checks(subject: Subject, report: GuestReport) -> Iterator[Check]:
    """Battery and adapter, with the plan's values."""
    for name, wanted in expected_supplies(subject.battery).items():
        found = report.supplies.get(name)
        remedy = "Linux did not take the table: see the console in the logs for ACPI errors."
        if found is None:
            others = ", ".join(report.supplies) or "none"
            yield Check(f"{name} in Linux", FAILED, f"no power supply {name}; there are: {others}", remedy)
            continue
        seen = ", ".join(f"{key} {value}" for key, value in wanted.items() if value)
        remedy = "Linux reads the table otherwise than it is meant: see it with optimux ssdt --decode."
        yield judged(f"{name} in Linux", "; ".join(supply_faults(wanted, found)), seen, remedy)


def memory_check(subject: Subject, report: GuestReport) -> Check:
    """One ivshmem device, of the planned size, at the planned address."""
    name, memory = "shared memory in Linux", subject.memory
    if memory is None:
        return Check(name, SKIPPED, "no shared memory is planned")
    devices = [SharedDevice(place, report.bars.get(place, 0), None) for place, id_ in report.pci.items() if id_ == ID]
    fault = size_fault(memory.size, devices) or slot_fault(subject.slot, devices[0])
    found = f"{ID} at {devices[0].address}, BAR 2 of {memory.size}" if devices else ""
    return judged(name, fault, found, f"The domain's ivshmem device must be {memory.size}, as {memory.path} is.")
