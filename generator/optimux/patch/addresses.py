"""The guest's PCI addresses as a domain has them: who sits where, what is free, and moving what stands in the way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from optimux.emit.domain_xml.address import pci_address
from optimux.emit.domain_xml.controllers import root_port
from optimux.patch.arguments import arguments
from optimux.patch.draft import Draft, describe
from optimux.patch.node import Node, new_node
from optimux.patch.order import place
from optimux.patch.source import refused
from optimux.pci import Address
from optimux.plan.devices import Placement, RootPort

# Slots of bus 0 that q35 or libvirt fills itself: host bridge, ICH9's USB and sound where they are asked for, LPC.
_OWN_SLOTS = frozenset({0x00, 0x1A, 0x1B, 0x1D, 0x1F})
Slot = tuple[int, int]


def address_of(node: Node) -> Address | None:
    """Where the guest sees a device, where its element says so."""
    # Asked of every device again and again: no generator for it.
    address = next((c for c in node.children if c.local == "address" and c.attributes.get("type") == "pci"), None)
    if address is None or not {"bus", "slot"} & address.attributes.keys():
        return None
    try:
        numbers = [int(address.get(key, "0"), 0) for key in ("domain", "bus", "slot", "function")]
    except ValueError:
        return None
    return Address(*numbers)


def set_address(node: Node, address: Address, *, multifunction: bool = False) -> bool:
    """Put a device somewhere, in the spelling that is there; whether that changed something."""
    wanted = new_node(pci_address(address, multifunction=multifunction))
    present = node.child("address")
    if present is None or present.get("type") != "pci":
        if present is not None:
            present.remove()
        node.add(wanted)
        return True
    changes = [present.set(key, value) for key, value in wanted.attributes.items() if not _says(present, key, value)]
    return any(changes)


def _says(node: Node, key: str, value: str) -> bool:
    """Whether an attribute has a value, however the number is spelled."""
    text = node.get(key, "0" if value.startswith("0x") else "")
    try:
        return int(text, 0) == int(value, 0)
    except ValueError:
        return text == value


class Bus:
    """The controllers and the occupied places of a domain, read anew for each question that changes them."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self.ports: dict[int, Node] = {}
        self.bridges: dict[int, str] = {}
        self.taken: list[tuple[Node | None, Address]] = []
        for node in draft.all_devices():
            self._read(node)
        for argument in arguments(draft):
            if argument.option == "device" and (address := argument_address(argument.get("bus"), argument.get("addr"))):
                self.taken.append((None, address))

    def _read(self, node: Node) -> None:
        if (address := address_of(node)) is not None:
            self.taken.append((node, address))
        if node.local == "controller" and node.get("type") == "pci" and node.get("index").isdecimal():
            index, model = int(node.get("index")), node.get("model")
            if model == "pcie-root-port":
                self.ports[index] = node
            else:
                self.bridges[index] = model

    def at(self, slot: Slot) -> list[Node | None]:
        """What sits in a slot; ``None`` for an argument's device."""
        return [node for node, address in self.taken if (address.bus, address.slot) == slot and not address.domain]

    def others(self, slot: Slot, mine: Iterable[Node]) -> list[Node | None]:
        """What else sits in a slot."""
        own = {id(node) for node in mine}
        return [node for node in self.at(slot) if node is None or id(node) not in own]

    def can_clear(self, slot: Slot, mine: Iterable[Node]) -> bool:
        """Whether everything else in a slot may be moved: bridges and devices of arguments stay."""
        return all(node is not None and not _is_bridge(node) for node in self.others(slot, mine))

    def planned(self) -> set[Slot]:
        """The slots that the plan speaks of, present or not."""
        plan = self._draft.plan
        places = [device.guest for device in plan.host_devices]
        further = (plan.video, plan.sound, *plan.inputs)
        places += [item.address for item in further if item.address] + ([plan.ivshmem.address] if plan.ivshmem else [])
        return {(place.bus, place.slot) for place in places}

    def free_slot(self) -> Address:
        """The lowest slot of bus 0 that nobody has or will have. Raises ``InvalidInput``."""
        planned = self.planned()
        for slot in range(1, 0x20):
            if slot not in _OWN_SLOTS and (0, slot) not in planned and not self.at((0, slot)):
                return Address(0, 0, slot, 0)
        raise refused("no free slot on PCI bus 00", "room for what is added", "Remove devices that you do not need.")

    def free_port(self) -> int | None:
        """The lowest root port that nobody sits behind, and that the plan does not want."""
        wanted = {bus for bus, _ in self.planned()}
        return next((bus for bus in sorted(self.ports) if bus not in wanted and not self.at((bus, 0))), None)

    def port_place(self, planned: RootPort | None) -> Address:
        """The place of one more root port: the planned one, a free function beside others, or a free slot."""
        if planned and planned.address.function == (self._spare_function(0, planned.address.slot) or 0):
            here = self.at((0, planned.address.slot))
            if bool(here) == bool(planned.address.function):
                return planned.address
        for bus, slot in sorted({(a.bus, a.slot) for node, a in self.taken if node is not None and a.bus == 0}):
            if (function := self._spare_function(bus, slot)) is not None:
                return Address(0, 0, slot, function)
        return self.free_slot()

    def _spare_function(self, bus: int, slot: int) -> int | None:
        """A free function of a slot of root ports, the first of which says that there are more."""
        here = {a.function: node for node, a in self.taken if (a.bus, a.slot) == (bus, slot)}
        first = here.get(0)
        said = first.child("address") if first is not None else None
        if said is None or said.get("multifunction") != "on" or slot in _OWN_SLOTS:
            return None
        if any(node is None or node.get("model") != "pcie-root-port" for node in here.values()):
            return None
        return next((function for function in range(8) if function not in here), None)


def _is_bridge(node: Node) -> bool:
    return node.local == "controller" and node.get("type") == "pci"


def argument_address(bus: str, place: str) -> Address | None:
    """``bus=pcie.0,addr=0x10.0x1`` as an address; QEMU reads a bare number as hexadecimal."""
    head, _, number = bus.rpartition(".")
    if head not in ("pcie", "pci") or not number.isdecimal() or not place:
        return None
    slot, _, function = place.partition(".")
    try:
        return Address(0, int(number), int(slot, 16), int(function or "0", 16))
    except ValueError:
        return None


def add_port(draft: Draft, index: int, planned: RootPort | None, why: str) -> None:
    """A root port with this index: where the plan has it, if that place is free."""
    bus = Bus(draft)
    where = bus.port_place(planned)
    node = new_node(root_port(index, Placement(where, where.function == 0)))
    target = node.child("target")
    assert target is not None
    target.set("chassis", _free_chassis(bus, index))
    _place_controller(draft, node, index)
    draft.did(f"added root port {index} at {where}", why)


def _free_chassis(bus: Bus, index: int) -> int:
    targets = (node.child("target") for node in bus.ports.values())
    used = {target.get("chassis") for target in targets if target is not None}
    free = (number for number in (index, *range(1, 256)) if str(number) not in used)
    return next(free, index)


def _place_controller(draft: Draft, node: Node, index: int) -> None:
    """Behind the PCI controller with the next lower index, so that they read in order."""
    devices = draft.devices
    pci = devices.all("controller", type_="pci")
    before = {_index(child): child for child in pci if _index(child) < index}
    if before:
        devices.add(node, devices.children.index(before[max(before)]) + 1)
    else:
        place(devices, node)


def _index(controller: Node) -> int:
    """A controller's number; one that says none comes after all."""
    text = controller.get("index")
    return int(text) if text.isdecimal() else 1 << 16


def ensure_port(draft: Draft, index: int, why: str) -> None:
    """The root port for a bus, and the planned ones below it that are missing."""
    for port in draft.plan.root_ports:
        bus = Bus(draft)
        if port.index <= index and port.index not in bus.ports and port.index not in bus.bridges:
            add_port(draft, port.index, port, why)
    if index not in Bus(draft).ports:
        add_port(draft, index, None, why)


def spare_port(draft: Draft, why: str) -> int:
    """A root port that nobody uses, added where there is none."""
    bus = Bus(draft)
    free = bus.free_port()
    if free is not None:
        return free
    index = max((0, *bus.ports, *bus.bridges, *(number for number, _ in bus.planned()))) + 1
    add_port(draft, index, None, why)
    return index


def clear(draft: Draft, slot: Slot, mine: Sequence[Node], why: str) -> None:
    """Move everything else out of a slot, the functions of one device together."""
    moved = [node for node in Bus(draft).others(slot, mine) if node is not None]
    if not moved:
        return
    behind = slot[0] != 0
    target = Address(0, spare_port(draft, "room for what moves"), 0, 0) if behind else Bus(draft).free_slot()
    for node in moved:
        old = address_of(node)
        assert old is not None
        new = target.at_function(old.function)
        set_address(node, new)
        draft.did(f"moved {describe(node)} from {old} to {new}", why)
