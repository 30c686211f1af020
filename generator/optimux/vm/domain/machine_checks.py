"""Whether the machine that came of a domain is the planned one: one finding for each thing that passthrough needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimux.sizes import Size
from optimux.vm.domain.started import SeenFunction
from optimux.vm.evidence.checks import SKIPPED, Check, judged
from optimux.vm.evidence.faults import table_fault
from optimux.vm.evidence.ivshmem import ID

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from optimux.pci import Address
    from optimux.plan.devices import HostDevice
    from optimux.plan.model import DomainPlan, SharedMemory
    from optimux.vm.domain.started import BootedMachine
    from optimux.vm.domain.translate import Translated
    from optimux.vm.evidence.acpi_memory import Tables

# Name (_HID, PNP0C0A) as compilers write it: an EISA id, or a text (ACPI 6.5 §20.2.5.1, §6.1.5).
_BATTERIES = (b"\x08_HID\x0c\x41\xd0\x0c\x0a", b"\x08_HID\x0dPNP0C0A\0")
_MINE = ("kvmfr", "looking-glass")


def machine_checks(
    plan: DomainPlan,
    table: bytes | None,
    domain: Translated,
    machine: BootedMachine,
    passed: Sequence[tuple[str, Address]],
) -> Iterator[Check]:
    """Every finding. ``table`` is the planned battery table, ``passed`` are the ids of host devices."""
    yield _names(domain, machine)
    yield from _memory(plan, machine)
    yield _battery(table, machine.tables)
    for device in plan.host_devices:
        yield _host_device(device.source, seen_at(plan, device), machine, passed)


def _names(domain: Translated, machine: BootedMachine) -> Check:
    """QEMU refuses an id twice; libvirt drops an override of an alias that no device has, in silence."""
    lost = [alias for alias in domain.overridden if alias not in machine.names]
    fault = f"no device has the alias {', '.join(lost)}: libvirt drops the <qemu:override>" if lost else ""
    remedy = "Give the device that alias (<alias name='ua-…'/>), or take the override out."
    return judged("devices", fault, f"{len(machine.names)} with an id, none of them twice", remedy)


def _memory(plan: DomainPlan, machine: BootedMachine) -> Iterator[Check]:
    memory, name = plan.shared_memory, "Looking Glass device"
    if memory is None:
        yield Check(name, SKIPPED, "none is planned")
        return
    mine, alike, others = _sorted(memory, machine)
    fault = _count_fault(mine, alike, memory)
    found = f"1af4:1110 over {memory.path}" + (f"; of another use: {', '.join(others)}" if others else "")
    yield judged(name, fault, found, "Keep one of them: optimux patch --only memory does.")
    if len(mine) == 1:
        fault = _size_fault(memory, mine[0].size)
        remedy = f"Device and memory must be {memory.size}, as {memory.path} is."
        yield judged(f"{name}: size", fault, f"BAR of {Size(mine[0].size)}", remedy)
        place = mine[0].address
        # Anywhere else is as good: patch leaves a device that has a place of its own.
        planned = plan.ivshmem.address if plan.ivshmem and plan.requested.states("pci.ivshmem") else place
        fault = f"it is at {place}, planned is {planned}" if planned != place else ""
        yield judged(f"{name}: address", fault, f"at {place}", "optimux patch --only memory,pci moves it.")


def _sorted(memory: SharedMemory, machine: BootedMachine) -> tuple[list[SeenFunction], list[str], list[str]]:
    """The planned device; others that look like one of Looking Glass; devices of another use."""
    functions = {function.name: function for function in machine.functions if function.id == ID and function.name}
    anonymous = iter([function for function in machine.functions if function.id == ID and not function.name])
    mine, alike, others = list[SeenFunction](), list[str](), list[str]()
    for name, path in machine.memory.items():
        function = functions.get(name) or next(anonymous, None)
        if path == memory.path and function:
            mine.append(function)
        else:
            (alike if any(word in path for word in _MINE) else others).append(f"{name} over {path}")
    return mine, alike, others


def _count_fault(mine: list[SeenFunction], alike: list[str], memory: SharedMemory) -> str:
    if len(mine) > 1:
        return f"{len(mine)} devices over {memory.path}, at {', '.join(str(each.address) for each in mine)}"
    if not mine:
        return f"no ivshmem device over {memory.path}" + (f"; there is {', '.join(alike)}" if alike else "")
    return f"beside the one over {memory.path} there is {', '.join(alike)}" if alike else ""


def _size_fault(memory: SharedMemory, size: int) -> str:
    """A module's memory has one size; a file may be larger than needed."""
    enough = size == memory.size.bytes or (memory.kind == "shm" and size > memory.size.bytes)
    return "" if enough else f"its BAR has {Size(size)}, planned is {memory.size}"


def batteries(tables: Tables) -> list[str]:
    """The table of each battery in the tables that hold code, as often as it has one."""
    code = [table for table in tables.found if table.signature in ("DSDT", "SSDT")]
    return [table.signature for table in code for word in _BATTERIES for _ in range(table.data.count(word))]


def _battery(table: bytes | None, tables: Tables) -> Check:
    name, found = "battery", batteries(tables)
    if table is None:
        return Check(name, SKIPPED, f"none is planned; the tables have {len(found)}")
    if len(found) > 1:
        fault = f"{len(found)} batteries in the tables ({', '.join(found)}): a second of one path is skipped by guests"
        return judged(name, fault, "", "Take the other table out: optimux patch --only battery does.")
    fault = table_fault(table, [each.data for each in tables.found])
    if not found:
        fault = "no battery in the tables"
    return judged(name, fault, "one, in the planned table", "optimux patch --only battery adds the table.")


def seen_at(plan: DomainPlan, device: HostDevice) -> Address:
    """Where the guest sees a host device: its own number of the bus, not libvirt's."""
    buses = {port.index: port.guest_bus for port in plan.root_ports}
    return device.guest.replace(bus=buses.get(device.guest.bus, device.guest.bus))


def _host_device(
    source: Address, planned: Address, machine: BootedMachine, passed: Sequence[tuple[str, Address]]
) -> Check:
    name, remedy = f"host device {source}", "optimux patch --only gpu,pci places it."
    ids = [id_ for id_, given in passed if given == source]
    if len(ids) != 1:
        fault = f"it is given {len(ids)} times, by {', '.join(ids)}" if ids else "the domain does not have it"
        return judged(name, fault, "", "Give it once: optimux patch --only gpu does.")
    places = [function.address for function in machine.functions if function.name == ids[0]]
    if not places or places[0].at_function(0) not in [function.address for function in machine.functions]:
        return judged(name, "guests do not find it: in its slot there is no function 0", "", remedy)
    fault = f"the guest has it at {places[0]}, planned is {planned}" if places[0] != planned else ""
    return judged(name, fault, f"at {places[0]} in the guest", remedy)
