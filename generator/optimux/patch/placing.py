"""Putting the planned devices where the plan has them; only what stands in the way moves."""

from __future__ import annotations

from collections.abc import Sequence

from optimux.emit.domain_xml.address import pci_address
from optimux.emit.xml import element
from optimux.notation.libvirt import number
from optimux.patch.draft import Draft, describe
from optimux.patch.machine.device import BRIDGES, Device, Slot, address_of
from optimux.patch.node import Node, new_node
from optimux.patch.overrides import drop_override_of_place
from optimux.patch.ports import OWN_SLOTS, ensure_bus, free_slot, free_slot_of_argument, has_free_slot, spare_port
from optimux.pci import Address
from optimux.plan import customs
from optimux.plan.devices import HostDevice

Group = list[tuple[HostDevice, Node]]


def set_address(draft: Draft, node: Node, address: Address, *, multifunction: bool = False) -> bool:
    """Put a device somewhere, in the spelling that is there; whether that changed something."""
    wanted = new_node(pci_address(address, multifunction=multifunction))
    present = node.child("address")
    if present is None or present.get("type") != "pci":
        if present is not None:
            draft.drop(present)
        node.add(wanted)
        changed = True
    else:
        changes = [
            present.set(key, value) for key, value in wanted.attributes.items() if not _says(present, key, value)
        ]
        changed = any(changes)
    draft.machine.refresh(node)
    return changed


def _says(node: Node, key: str, value: str) -> bool:
    """Whether an attribute has a value, however the number is spelled."""
    text = node.get(key, "0" if value.startswith("0x") else "")
    return text == value or (number(text) is not None and number(text) == number(value))


def planned_nodes(draft: Draft) -> dict[Address, Node]:
    """The planned functions that are elements, by their place on the host; the first where one is doubled."""
    found: dict[Address, Node] = {}
    for device in draft.plan.host_devices:
        nodes = [passing.node for passing in draft.machine.passing(device.source) if passing.node is not None]
        if nodes:
            found[device.source] = nodes[0]
    return found


def place_functions(draft: Draft, device: tuple[int, int, int]) -> None:
    """The functions that share one planned slot of the guest, as far as the domain has them."""
    nodes = planned_nodes(draft)
    group = [(d, nodes[d.source]) for d in draft.plan.host_devices if d.guest.device == device and d.source in nodes]
    if not group or _may_stay(draft, group):
        return
    for _, node in group:
        drop_override_of_place(draft, node)
    _clear_port_slots(draft)
    _settle_switches(draft)
    if device[1] > 1 and any(address_of(node) != planned.guest for planned, node in group):
        settle_conventional(draft)
    slot, why = _slot(draft, device, group)
    kin = _unplanned_functions(draft, group, slot)
    _clear(draft, slot, [*(node for _, node in group), *kin], f"it was in the place of the host's {group[0][0].source}")
    left = {(old.bus, old.slot) for _, node in group if (old := address_of(node)) is not None}
    for planned, node in group:
        _put(draft, planned, node, slot, bool(kin), why)
    _follow(draft, kin, slot, {planned.guest.function for planned, _ in group})
    for emptied in left - {slot}:
        _promote(draft, emptied)


def _put(draft: Draft, planned: HostDevice, node: Node, slot: Slot, has_kin: bool, why: str) -> None:
    before, bus = address_of(node), slot[0]
    assert isinstance(bus, int)
    target = Address(0, bus, slot[1], planned.guest.function)
    many = planned.placement.multifunction or has_kin
    if not set_address(draft, node, target, multifunction=many):
        return
    if before == target:
        draft.did(f"set multifunction of the host's {planned.source}", "further functions share its slot")
        return
    guest = draft.machine.in_guest(target)
    beside = "" if guest == target else f", which is {guest} there"
    draft.did(f"put the host's {planned.source} at {target} in the guest{beside}", why)


def _is_card(draft: Draft, device: HostDevice) -> bool:
    """Whether it is a function of the GPU, whose driver looks for it at a place; other devices work anywhere."""
    return device.source.device == draft.plan.host_devices[0].source.device


def _may_stay(draft: Draft, group: Group) -> bool:
    """Whether a device that works anywhere is somewhere already, its functions together."""
    if any(_is_card(draft, device) or device.stated for device, _ in group):
        return False
    places = [address_of(node) for _, node in group]
    wanted = {d.guest.device for d in draft.plan.host_devices if _is_card(draft, d) or d.stated}
    if any(place is None or draft.machine.in_guest(place).device in wanted for place in places):
        return False
    return len({place.device for place in places if place is not None}) == 1


def _clear_port_slots(draft: Draft) -> None:
    """A display that the plan has elsewhere leaves the slots of the planned root ports first."""
    node = primary_video(draft)
    place = address_of(node) if node is not None else None
    if place is not None and place.bus == 0 and place.slot in {port.address.slot for port in draft.plan.root_ports}:
        place_video(draft)


def _settle_switches(draft: Draft) -> None:
    """A switch without an address gets a port of a lower index: behind a later one QEMU finds no bus for it."""
    planned = {device.guest.bus for device in draft.plan.host_devices}
    for switch in draft.machine.bridges:
        if switch.driver != "pcie-switch-upstream-port" or switch.place is not None or switch.node is None:
            continue
        before = [bus for bus in draft.machine.ports if isinstance(switch.behind, int) and bus < switch.behind]
        free = sorted((bus for bus in before if draft.machine.is_empty(bus)), key=lambda bus: (bus in planned, bus))
        if free and set_address(draft, switch.node, Address(0, free[0], 0, 0)):
            why = "libvirt would put it behind a port of a higher index, which comes too late for QEMU"
            draft.did(f"put {describe(switch.node)} at {Address(0, free[0], 0, 0)}", why)


def settle_conventional(draft: Draft) -> None:
    """Devices of conventional PCI without an address get one on bus 0: libvirt's bridge for them would take a bus."""
    first = primary_video(draft)
    _add_implied_controllers(draft)
    for node in draft.all_devices():
        if node is not first and _needs_slot(draft, node) and node.child("address") is None and has_free_slot(draft):
            _settle(draft, node)


def _settle(draft: Draft, node: Node) -> None:
    place = free_slot(draft)
    set_address(draft, node, place)
    draft.did(f"put {describe(node)} at {place}", "libvirt would add a bridge, which takes a bus before the GPU's")


def _add_implied_controllers(draft: Draft) -> None:
    """Those of drives that libvirt would add by itself: all but ICH9's own, the first of SATA, are conventional."""
    most: dict[str, int] = {}
    for disk in draft.all_devices():
        target = disk.child("target") if disk.local == "disk" else None
        controller = drive_controller(disk)
        if target is not None and controller is not None:
            bus = target.get("bus")
            most[bus] = max(most.get(bus, 0), controller)
    for bus, highest in sorted(most.items()):
        there = {node.get("index", "0") for node in draft.devices.all("controller", type_=bus)}
        for index in range(bus == "sata", highest + 1):
            if str(index) not in there and has_free_slot(draft):
                why = "libvirt would add it by itself, for the disks"
                _settle(draft, draft.insert(draft.devices, element("controller", type_=bus, index=index), why))


def drive_controller(disk: Node) -> int | None:
    """The index of a SATA or SCSI disk's controller: as its address says, else by libvirt's rule for its target."""
    address, target = disk.child("address", type_="drive"), disk.child("target")
    place = customs.drive_place(target.get("bus"), target.get("dev")) if target is not None else None
    if place is None or address is None:
        return place[0] if place is not None else None
    return number(address.get("controller", "0")) or 0


def _needs_slot(draft: Draft, node: Node) -> bool:
    """Whether a device without an address would come on libvirt's bridge: ICH9's sound where its slot is taken, too."""
    has_lost = node.local == "sound" and node.get("model") == "ich9" and draft.machine.at((0, customs.SOUND_SLOT))
    return is_conventional(node) or bool(has_lost)


def is_conventional(node: Node) -> bool:
    """Whether libvirt takes a device for one of conventional PCI that has no slot of its own."""
    model = node.child("model")
    said = node.get("model") or (model.get("type") if model is not None else "")
    if node.local == "controller":
        return customs.is_conventional(node.get("type"), said) and not _has_own_slot(node, said)
    return node.get("type") != "hostdev" and customs.is_conventional(node.local, said)


def _has_own_slot(controller: Node, model: str) -> bool:
    """The first SATA controller, and EHCI beside the UHCI whose slot libvirt chooses."""
    index = controller.get("index", "0")
    if model == "ich9-ehci1" and controller.parent is not None:
        beside = controller.parent.all("controller", type_="usb", model="ich9-uhci1")
        return any(each.get("index", "0") == index for each in beside)
    return controller.get("type") == "sata" and index == "0"


def _unplanned_functions(draft: Draft, group: Group, slot: Slot) -> list[Node]:
    """Functions of the same card that the plan does not speak of, in the GPU's old slot or its new one."""
    planned = {device.source for device in draft.plan.host_devices}
    cards = {device.source.device for device, _ in group}
    slots = {slot, *((old.bus, old.slot) for _, node in group if (old := address_of(node)) is not None)}
    beside = (device for near in sorted(slots, key=str) for device in draft.machine.at(near))
    return [
        device.node
        for device in beside
        if device.node is not None and device.host and device.host not in planned and device.host.device in cards
    ]


def _follow(draft: Draft, kin: list[Node], slot: Slot, used: set[int]) -> None:
    """The card's other functions stay with it, each at a function of its own."""
    bus = slot[0]
    assert isinstance(bus, int)
    for node in kin:
        old = address_of(node)
        assert old is not None
        free = (function for function in (old.function, *range(1, 8)) if function not in used)
        new = Address(0, bus, slot[1], next(free))
        used.add(new.function)
        if set_address(draft, node, new):
            draft.did(f"moved {describe(node)} from {old} to {new}", "it is a function of the same card")


def _promote(draft: Draft, slot: Slot) -> None:
    """A slot that lost its function 0 gets another: firmware finds nothing there else."""
    here = [device for device in draft.machine.at(slot) if device.node is not None]
    rest = [(place, device.node) for device in here if device.node is not None and (place := address_of(device.node))]
    if not rest or slot == (0, 0x1F) or any(place.function == 0 for place, _ in rest):
        return
    place, node = min(rest, key=lambda pair: pair[0].function)
    new = place.at_function(0)
    set_address(draft, node, new, multifunction=len(rest) > 1)
    draft.did(f"moved {describe(node)} from {place} to {new}", "a slot needs a function 0")


def _slot(draft: Draft, device: tuple[int, int, int], group: Group) -> tuple[Slot, str]:
    """The planned slot, else one that is as good: what carries other devices cannot give way. And why there."""
    machine, (_, number_, slot) = draft.machine, device
    mine = [node for _, node in group]
    card = _is_card(draft, group[0][0])
    why = "the GPU's driver in the guest expects it there" if card else "a place of its own behind a root port"
    if number_:
        ensure_bus(draft, number_, f"the guest's bus {number_:02x}, for the host's {group[0][0].source}")
    bus = machine.bus_of(number_)
    if isinstance(bus, int) and (bus == 0 or bus in machine.ports) and _can_clear(draft, (bus, slot), mine):
        return (bus, slot), why
    chosen = _common_slot(draft, group)
    if chosen is None:
        chosen = (spare_port(draft, f"a port for the host's {group[0][0].source}"), 0) if number_ else _free(draft)
    guest = machine.guest_buses.get(chosen[0], chosen[0])
    wanted = Address(0, number_, slot, 0)
    draft.leave(
        f"the guest's {wanted}", f"{_holder(draft, number_, slot, mine)} has it; the GPU goes to bus {guest:02x}"
    )
    return chosen, f"a bridge or an argument has {wanted}"


def _free(draft: Draft) -> tuple[int, int]:
    return (0, free_slot(draft).slot)


def _holder(draft: Draft, number_: int, slot: int, mine: list[Node]) -> str:
    """What keeps a planned place, in words."""
    bus = draft.machine.bus_of(number_)
    others = draft.machine.others((bus, slot), mine) if bus is not None else []
    arguments = [device.argument for device in others if device.argument is not None]
    if arguments:
        return f"the argument {arguments[0]}"
    return f"a bridge ({describe(others[0].node)})" if others and others[0].node is not None else "a bridge"


def _can_clear(draft: Draft, slot: Slot, mine: list[Node]) -> bool:
    """Whether everything else in a slot may be moved: bridges and devices of arguments stay."""
    return all(device.node is not None and device.driver not in BRIDGES for device in draft.machine.others(slot, mine))


def _clear(draft: Draft, slot: Slot, mine: Sequence[Node], why: str) -> None:
    """Move everything else out of a slot, the functions of one device together."""
    moved = [device.node for device in draft.machine.others(slot, list(mine)) if device.node is not None]
    if not moved:
        return
    bus = spare_port(draft, "room for what moves") if slot[0] else 0
    target = Address(0, bus, 0, 0) if slot[0] else free_slot(draft)
    for node in moved:
        old = address_of(node)
        assert old is not None
        new = target.at_function(old.function)
        set_address(draft, node, new)
        draft.did(f"moved {describe(node)} from {old} to {new}", why)


def _common_slot(draft: Draft, group: Group) -> tuple[int, int] | None:
    """Where the functions are together already, alone behind a root port."""
    places = [address_of(node) for _, node in group]
    first = places[0]
    if first is None or first.bus not in draft.machine.ports:
        return None
    if any(place is None or place.device != first.device for place in places):
        return None
    slot = (first.bus, first.slot)
    cards = {device.source.device for device, _ in group}
    strangers = draft.machine.others(slot, [node for _, node in group])
    return (
        slot if all(d.node is not None and d.host is not None and d.host.device in cards for d in strangers) else None
    )


def primary_video(draft: Draft) -> Node | None:
    """The display that the firmware uses: the one that says so, else the first."""
    devices = draft.root.child("devices")
    videos = list(devices.all("video")) if devices is not None else []
    said = (v for v in videos if any(model.get("primary") == "yes" for model in v.all("model")))
    return next(said, videos[0] if videos else None)


def place_video(draft: Draft) -> None:
    """A display without an address gets one on bus 0, so that libvirt adds no bridge for it."""
    node = primary_video(draft)
    model = node.child("model") if node is not None else None
    wanted = draft.plan.video.address
    if node is None or wanted is None or (model is not None and model.get("type") == "none"):
        return
    present = address_of(node)
    stated = wanted if draft.states("video.address") else None
    if present is not None and not (stated and present != wanted):
        return
    _place_single(draft, node, wanted, "the emulated display keeps clear of the GPU's bus", stated)


def place_shmem(draft: Draft, node: Node) -> None:
    """A ``<shmem>`` without an address gets the planned one, or a free one beside it; any the stated one."""
    wanted, present = draft.plan.ivshmem.address if draft.plan.ivshmem else None, address_of(node)
    if wanted is None:
        return
    if draft.states("pci.ivshmem"):
        if present != wanted:
            _place_single(draft, node, wanted, "the configuration says so", wanted)
    elif present is None:
        _place_single(draft, node, wanted, "without an address libvirt adds a bridge for it", None)
    elif present.function and not draft.machine.others((present.bus, present.slot), [node]):
        _place_single(draft, node, wanted, "a guest finds nothing in a slot without function 0", None)


def _place_single(draft: Draft, node: Node, wanted: Address, why: str, stated: Address | None) -> None:
    """``stated``: the user's own words for the place, for which others give way."""
    if wanted.bus:
        ensure_bus(draft, wanted.bus, "the bus that the configuration names")
    bus = draft.machine.bus_of(wanted.bus)
    target = wanted.replace(bus=bus) if isinstance(bus, int) else free_slot(draft)
    slot = (target.bus, target.slot)
    others = draft.machine.others(slot, [node])
    if others and stated is not None and _can_clear(draft, slot, [node]):
        _clear(draft, slot, [node], "it was in the place that the configuration names")
    elif others and address_of(node) is None:
        target = free_slot(draft)
    elif others:
        draft.leave(f"{describe(node)} where it is", f"{named(others[0])} is at {wanted}")
        return
    if set_address(draft, node, target):
        draft.did(f"put {describe(node)} at {target}", why)


def named(device: Device) -> str:
    """A device in a few words, an argument too."""
    if device.node is not None:
        return describe(device.node)
    return f"the argument {device.argument}"


def place_new(draft: Draft, node: Node, wanted: Address | None, *, conventional: bool) -> None:
    """A new device where the configuration puts it; where somebody is there, libvirt finds it a place.

    libvirt knows nothing of the places that arguments take: beside those every new device gets one of its own.
    """
    if (written := node.child("address")) is not None:
        draft.drop(written)
    if wanted is not None and wanted.bus:
        ensure_bus(draft, wanted.bus, "the bus that the configuration names")
    bus = draft.machine.bus_of(wanted.bus) if wanted is not None else None
    if wanted is not None and isinstance(bus, int) and (not bus or bus in draft.machine.ports):
        target = wanted.replace(bus=bus)
        if not draft.machine.others((target.bus, target.slot), [node]):
            set_address(draft, node, target)
            return
    if _needs_slot(draft, node) and draft.plan.host_devices and has_free_slot(draft):
        set_address(draft, node, free_slot(draft))
    elif is_crowded(draft):
        port = 0 if conventional else spare_port(draft, "libvirt does not see the places that arguments take")
        set_address(draft, node, Address(0, port, 0, 0) if port else free_slot(draft))


def is_crowded(draft: Draft) -> bool:
    """Whether an argument is where libvirt may put a new device: it fills bus 0 from below, and has favourites."""
    taken = draft.machine.slots_of_arguments() - ({draft.plan.ivshmem.address.slot} if draft.plan.ivshmem else set())
    return any(slot < 0x10 or slot in OWN_SLOTS for slot in taken)


def free_ivshmem_address(draft: Draft) -> Address | None:
    """The planned place of the shared memory where it is an argument; another where somebody is there."""
    wanted = draft.plan.ivshmem.address if draft.plan.ivshmem else None
    if wanted is None:
        return None
    bus = draft.machine.bus_of(wanted.bus)
    if isinstance(bus, int) and not draft.machine.at((bus, wanted.slot)):
        return wanted.replace(bus=bus)
    return free_slot_of_argument(draft)
