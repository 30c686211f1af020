"""Root ports: the ones that are there, and new ones that leave every other bus its number."""

from __future__ import annotations

from optimux.emit.domain_xml.controllers import root_port
from optimux.patch.draft import Draft
from optimux.patch.machine.device import Device, Slot, index_of
from optimux.patch.node import Node, new_node
from optimux.patch.order import place
from optimux.patch.source import refused
from optimux.pci import Address
from optimux.plan.devices import Placement, RootPort

# Slots of bus 0 that q35 or libvirt fills itself: host bridge, ICH9's USB and sound where they are asked for, LPC.
OWN_SLOTS = frozenset({0x00, 0x1A, 0x1B, 0x1D, 0x1F})
_SLOTS = [slot for slot in range(1, 0x20) if slot not in OWN_SLOTS]
_HIGH = 0x10
_MOST_PORTS = 0xFF


def planned_slots(draft: Draft) -> set[Slot]:
    """The slots that the plan speaks of, by libvirt's buses; a guest's bus that is not there yet by its number."""
    plan, buses = draft.plan, draft.machine.guest_buses
    by_number = {number: bus for bus, number in buses.items()}
    places = [device.guest for device in plan.host_devices]
    places += [item.address for item in (plan.video, plan.sound, *plan.inputs) if item.address]
    places += [port.address for port in plan.root_ports]
    places += [plan.ivshmem.address] if plan.ivshmem else []
    return {(by_number.get(place.bus, place.bus), place.slot) for place in places}


def free_slot(draft: Draft) -> Address:
    """The lowest slot of bus 0 that nobody has or will have. Raises ``InvalidInput``."""
    found = _free_slots(draft)
    if not found:
        raise refused("no free slot on PCI bus 00", "room for what is added", "Remove devices that you do not need.")
    return _at(found[0])


def has_free_slot(draft: Draft) -> bool:
    """Whether bus 0 has a slot that nobody has or will have."""
    return bool(_free_slots(draft))


def free_slot_of_argument(draft: Draft) -> Address:
    """A slot for an argument's device, far from those that libvirt, which does not see it, fills from below."""
    found = _free_slots(draft)
    high = [slot for slot in found if slot >= _HIGH]
    return _at(high[0]) if high else _at(found[-1]) if found else free_slot(draft)


def _free_slots(draft: Draft) -> list[int]:
    planned = planned_slots(draft)
    return [s for s in _SLOTS if (0, s) not in planned and not draft.machine.at((0, s))]


def _at(slot: int, function: int = 0) -> Address:
    return Address(0, 0, slot, function)


def ensure_bus(draft: Draft, number: int, why: str) -> None:
    """Root ports until the guest gives this number to a bus of libvirt's, the planned ones first."""
    planned = {port.index: port for port in draft.plan.root_ports}
    while not isinstance(bus := draft.machine.bus_of(number), int):
        own = [guest for bus, guest in draft.machine.guest_buses.items() if isinstance(bus, int)]
        following = max(own, default=0) + 1
        if bus is not None and not _comes_before(draft, planned.get(following), bus):
            return
        add_port(draft, planned.get(following), following, why)


def _comes_before(draft: Draft, planned: RootPort | None, bus: str) -> bool:
    """Whether a new port takes its number from the bus of an argument's own bridge, which then has the next."""
    place = _port_place(draft, planned)
    bridge = next(bridge for bridge in draft.machine.bridges if bridge.behind == bus)
    return bridge.bus == 0 and (place.slot, place.function) < (bridge.slot, bridge.function)


def spare_port(draft: Draft, why: str) -> int:
    """A root port that nobody uses, added where there is none: its index."""
    machine = draft.machine
    wanted = {bus for bus, _ in planned_slots(draft)}
    free = (bus for bus in sorted(machine.ports) if bus not in wanted and machine.is_empty(bus))
    found = next(free, None)
    if found is not None:
        return found
    numbers = (port.index for port in draft.plan.root_ports)
    return add_port(draft, None, max((0, *machine.indices, *numbers)) + 1, why)


def add_port(draft: Draft, planned: RootPort | None, wanted: int, why: str) -> int:
    """A root port, by the index ``wanted`` where it is free, and where the plan has it if that place is free."""
    used = draft.machine.indices
    index: int | None = next((number for number in (wanted, *range(1, _MOST_PORTS + 1)) if number not in used), None)
    if index is None:
        raise refused(f"{len(used)} PCI controllers", "room for one more", "Remove those that you do not need.")
    where = _port_place(draft, planned)
    node = new_node(root_port(index, Placement(where, where.function == 0)))
    target = node.child("target")
    assert target is not None
    target.set("chassis", _free_chassis(draft, index))
    _place_controller(draft, node, index)
    draft.machine.refresh(node)
    draft.did(f"added root port {index} at {where}", why)
    return index


def free_port_place(draft: Draft) -> Address | None:
    """Where a port may go that the plan does not speak of; ``None`` where bus 0 is full."""
    return _found_place(draft, None)


def _port_place(draft: Draft, planned: RootPort | None) -> Address:
    return _found_place(draft, planned) or free_slot(draft)  # which refuses


def _found_place(draft: Draft, planned: RootPort | None) -> Address | None:
    """The planned one, a free function beside other ports, or a free slot; best one behind all the others.

    A port before another takes its number in the guest: what sits behind that one would move.
    """
    places = [*_planned_place(draft, planned), *_beside_ports(draft), *((slot, 0) for slot in _free_slots(draft))]
    if not places:
        return None
    taken = [bridge.place for bridge in draft.machine.bridges if bridge.bus == 0 and _counts(draft, bridge)]
    last = max(((slot, function) for (_, slot), function in filter(None, taken)), default=(0, 0))
    return _at(*next((place for place in places if place > last), places[0]))


def _counts(draft: Draft, bridge: Device) -> bool:
    """Whether somebody may mind that a bridge gets another number: not where it is an argument with nothing behind."""
    return bridge.node is not None or bridge.behind is None or not draft.machine.is_empty(bridge.behind)


def _planned_place(draft: Draft, planned: RootPort | None) -> list[tuple[int, int]]:
    if planned is None:
        return []
    here = draft.machine.at((0, planned.address.slot))
    spare = spare_function(here, planned.address.slot) if here else 0
    return [(planned.address.slot, spare)] if planned.address.function == spare else []


def _beside_ports(draft: Draft) -> list[tuple[int, int]]:
    slots = sorted({port.slot for port in draft.machine.bridges if port.bus == 0})
    found = ((slot, spare_function(draft.machine.at((0, slot)), slot)) for slot in slots)
    return [(slot, function) for slot, function in found if function is not None]


def spare_function(here: list[Device], slot: int, most: int = 8) -> int | None:
    """A free function, below ``most``, of a slot of root ports, the first of which says that there are more."""
    first = next((device.node for device in here if device.function == 0), None)
    said = first.child("address") if first is not None else None
    if said is None or said.get("multifunction") != "on" or slot in OWN_SLOTS:
        return None
    if any(device.node is None or device.driver != "pcie-root-port" for device in here):
        return None
    used = {device.function for device in here}
    return next((function for function in range(most) if function not in used), None)


def _free_chassis(draft: Draft, index: int) -> int:
    targets = (node.child("target") for node in draft.machine.ports.values())
    used = {target.get("chassis") for target in targets if target is not None}
    return next((chassis for chassis in (index, *range(1, 256)) if str(chassis) not in used), index)


def _place_controller(draft: Draft, node: Node, index: int) -> None:
    """Behind the PCI controller with the next lower index, so that they read in order."""
    before, best = None, -1
    for number, child in enumerate(draft.devices.children):
        own = index_of(child) if child.local == "controller" and child.get("type") == "pci" else None
        if own is not None and best < own < index:
            before, best = number, own
    if before is None:
        place(draft.devices, node)
    else:
        draft.devices.add(node, before + 1)


def drop_empty_bridges(draft: Draft, were_used: set[int]) -> None:
    """A bridge to conventional PCI that lost its last device goes: it was there for that one."""
    for bridge in draft.machine.bridges:
        bus, node = bridge.behind, bridge.node
        was_used = bridge.driver == "pcie-to-pci-bridge" and isinstance(bus, int) and bus in were_used
        if was_used and node is not None and bus is not None and draft.machine.is_empty(bus):
            draft.remove(node, "nothing is behind it any more, and it takes a root port")


def used_buses(draft: Draft) -> set[int]:
    """The buses of libvirt's that have devices."""
    return {device.bus for device in draft.machine.devices if isinstance(device.bus, int)}
