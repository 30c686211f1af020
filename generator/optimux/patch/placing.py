"""Putting the planned devices where the plan has them; only what stands in the way moves."""

from __future__ import annotations

from optimux.patch.addresses import Bus, Slot, address_of, clear, ensure_port, set_address, spare_port
from optimux.patch.draft import Draft, describe
from optimux.patch.node import Node
from optimux.pci import Address
from optimux.plan.devices import HostDevice


def source_of(node: Node) -> Address | None:
    """Where the host sees a passed PCI function."""
    if node.local != "hostdev" or node.get("type") != "pci":
        return None
    source = node.child("source")
    place = source.child("address") if source is not None else None
    if place is None:
        return None
    try:
        numbers = [int(place.get(key, "0"), 0) for key in ("domain", "bus", "slot", "function")]
    except ValueError:
        return None
    return Address(*numbers)


def planned_nodes(draft: Draft) -> dict[Address, Node]:
    """The planned functions that the domain has, by their place on the host; the first where one is doubled."""
    planned = {device.source for device in draft.plan.host_devices}
    found: dict[Address, Node] = {}
    for node in draft.all_devices():
        if (source := source_of(node)) in planned and source is not None:
            found.setdefault(source, node)
    return found


def place_functions(draft: Draft, device: tuple[int, int, int]) -> None:
    """The functions that share one planned slot of the guest, as far as the domain has them."""
    nodes = planned_nodes(draft)
    group = [(d, nodes[d.source]) for d in draft.plan.host_devices if d.guest.device == device and d.source in nodes]
    if not group:
        return
    _clear_port_slots(draft)
    slot = _slot(draft, device, group)
    kin = _unplanned_functions(draft, group, slot)
    why = "the GPU's driver in the guest expects it there"
    if slot[0]:
        ensure_port(draft, slot[0], "the guest's bus for the GPU")
    clear(draft, slot, [*(node for _, node in group), *kin], "it was in the GPU's place")
    left = {(old.bus, old.slot) for _, node in group if (old := address_of(node)) is not None}
    for planned, node in group:
        before = address_of(node)
        target = Address(0, *slot, planned.guest.function)
        if set_address(node, target, multifunction=planned.placement.multifunction or bool(kin)) and before != target:
            draft.did(f"put the host's {planned.source} at {target} in the guest", why)
    _follow(draft, kin, slot, {planned.guest.function for planned, _ in group})
    for emptied in left - {slot}:
        _promote(draft, emptied)


def _clear_port_slots(draft: Draft) -> None:
    """A display that the plan has elsewhere leaves the slots of the planned root ports first."""
    node = primary_video(draft)
    place = address_of(node) if node is not None else None
    if place is not None and place.bus == 0 and place.slot in {port.address.slot for port in draft.plan.root_ports}:
        place_video(draft)


def _unplanned_functions(draft: Draft, group: list[tuple[HostDevice, Node]], slot: Slot) -> list[Node]:
    """Functions of the same card that the plan does not speak of, in the GPU's old slot or its new one."""
    planned = planned_nodes(draft)
    cards = {device.source.device for device, _ in group}
    slots = {slot, *((old.bus, old.slot) for _, node in group if (old := address_of(node)) is not None)}
    found = []
    for node in draft.all_devices():
        source, place = source_of(node), address_of(node)
        if source is None or place is None or source in planned or source.device not in cards:
            continue
        if (place.bus, place.slot) in slots:
            found.append(node)
    return found


def _follow(draft: Draft, kin: list[Node], slot: Slot, used: set[int]) -> None:
    """The card's other functions stay with it, each at a function of its own."""
    for node in kin:
        old = address_of(node)
        assert old is not None
        free = (number for number in (old.function, *range(1, 8)) if number not in used)
        new = Address(0, *slot, next(free))
        used.add(new.function)
        if set_address(node, new):
            draft.did(f"moved {describe(node)} from {old} to {new}", "it is a function of the same card")


def _promote(draft: Draft, slot: Slot) -> None:
    """A slot that lost its function 0 gets another: firmware finds nothing there else."""
    here = (node for node in Bus(draft).at(slot) if node is not None)
    rest = [(place, node) for node in here if (place := address_of(node)) is not None]
    if not rest or slot == (0, 0x1F) or any(place.function == 0 for place, _ in rest):
        return
    place, node = min(rest, key=lambda pair: pair[0].function)
    new = place.at_function(0)
    set_address(node, new, multifunction=len(rest) > 1)
    draft.did(f"moved {describe(node)} from {place} to {new}", "a slot needs a function 0")


def _slot(draft: Draft, device: tuple[int, int, int], group: list[tuple[HostDevice, Node]]) -> Slot:
    """The planned slot, else one that is as good: what carries other devices cannot give way."""
    slot = device[1:]
    bus = Bus(draft)
    if (not slot[0] or slot[0] not in bus.bridges) and bus.can_clear(slot, [node for _, node in group]):
        return slot
    current = _common_slot(bus, group)
    if current is not None:
        chosen = current
    elif slot[0]:
        chosen = (spare_port(draft, "a port for the GPU"), 0)
    else:
        chosen = (0, bus.free_slot().slot)
    wanted = Address(0, *slot, 0)
    draft.leave(f"the guest's {wanted}", f"a bridge or an argument has it; the GPU goes to bus {chosen[0]:02x}")
    return chosen


def _common_slot(bus: Bus, group: list[tuple[HostDevice, Node]]) -> Slot | None:
    """Where the functions are together already, alone behind a root port."""
    places = [address_of(node) for _, node in group]
    first = places[0]
    if first is None or first.bus not in bus.ports:
        return None
    if any(place is None or place.device != first.device for place in places):
        return None
    slot = (first.bus, first.slot)
    cards = {device.source.device for device, _ in group}
    strangers = bus.others(slot, [node for _, node in group])
    own = all(node is not None and (s := source_of(node)) is not None and s.device in cards for node in strangers)
    return slot if own else None


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
    stated = wanted if draft.plan.requested.states("video.address") else None
    if present is not None and not (stated and present != wanted):
        return
    _place_single(draft, node, wanted, "the emulated display keeps clear of the GPU's bus", stated)


def place_shmem(draft: Draft, node: Node) -> None:
    """A ``<shmem>`` without an address gets the planned one, or a free one beside it."""
    wanted = draft.plan.ivshmem.address if draft.plan.ivshmem else None
    if wanted is not None and address_of(node) is None:
        _place_single(draft, node, wanted, "without an address libvirt adds a bridge for it", None)


def _place_single(draft: Draft, node: Node, wanted: Address, why: str, stated: Address | None) -> None:
    """``stated``: the user's own words for the place, for which others give way."""
    bus = Bus(draft)
    slot = (wanted.bus, wanted.slot)
    target = wanted
    if bus.others(slot, [node]):
        if stated is not None and bus.can_clear(slot, [node]):
            clear(draft, slot, [node], "it was in the place that the configuration names")
        elif address_of(node) is None:
            target = bus.free_slot()
        else:
            draft.leave(f"{describe(node)} where it is", f"a bridge or an argument is at {wanted}")
            return
    if wanted.bus and target == wanted:
        ensure_port(draft, wanted.bus, "the bus that the configuration names")
    if set_address(node, target):
        draft.did(f"put {describe(node)} at {target}", why)


def place_new(draft: Draft, node: Node, wanted: Address | None) -> None:
    """A new device where the configuration puts it; where somebody is there, libvirt finds it a place."""
    if (written := node.child("address")) is not None:
        written.remove()
    bus = Bus(draft)
    if wanted is None or bus.others((wanted.bus, wanted.slot), [node]) or (wanted.bus and wanted.bus in bus.bridges):
        return
    if wanted.bus:
        ensure_port(draft, wanted.bus, "the bus that the configuration names")
    set_address(node, wanted)


def free_ivshmem_address(draft: Draft) -> Address | None:
    """The planned place of the shared memory where it is an argument; another where somebody is there."""
    wanted = draft.plan.ivshmem.address if draft.plan.ivshmem else None
    if wanted is None or not Bus(draft).at((wanted.bus, wanted.slot)):
        return wanted
    return Bus(draft).free_slot()
