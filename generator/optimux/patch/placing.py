"""Putting the planned devices where the plan has them; only what stands in the way moves."""

from __future__ import annotations

from optimux.patch.addresses import Bus, Slot, address_of, clear, ensure_port, set_address, spare_port
from optimux.patch.draft import Draft, describe
from optimux.patch.node import Node
from optimux.pci import Address
from optimux.plan.model import HostDevice


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
    mine = [node for _, node in group]
    slot = _slot(draft, device, group)
    why = "the GPU's driver in the guest expects it there"
    if slot[0]:
        ensure_port(draft, slot[0], "the guest's bus for the GPU")
    clear(draft, slot, mine, "it was in the GPU's place")
    for planned, node in group:
        before = address_of(node)
        target = Address(0, *slot, planned.guest.function)
        if set_address(node, target, multifunction=planned.multifunction) and before != target:
            draft.did(f"put the host's {planned.source} at {target} in the guest", why)


def _slot(draft: Draft, device: tuple[int, int, int], group: list[tuple[HostDevice, Node]]) -> Slot:
    """The planned slot, else one that is as good: what carries other devices cannot give way."""
    slot = device[1:]
    bus = Bus(draft)
    mine = [node for _, node in group]
    if (not slot[0] or slot[0] not in bus.bridges) and bus.can_clear(slot, mine):
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
    return None if bus.others(slot, [node for _, node in group]) else slot


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
    wanted = draft.plan.video_address
    if node is None or wanted is None or (model is not None and model.get("type") == "none"):
        return
    present = address_of(node)
    if present is not None and not (draft.plan.vm.video.address and present != wanted):
        return
    _place_single(draft, node, wanted, "the emulated display keeps clear of the GPU's bus", draft.plan.vm.video.address)


def place_shmem(draft: Draft, node: Node) -> None:
    """A ``<shmem>`` without an address gets the planned one, or a free one beside it."""
    wanted = draft.plan.ivshmem
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
        else:
            target = bus.free_slot()
    if wanted.bus and target == wanted:
        ensure_port(draft, wanted.bus, "the bus that the configuration names")
    if set_address(node, target):
        draft.did(f"put {describe(node)} at {target}", why)


def free_ivshmem_address(draft: Draft) -> Address | None:
    """The planned place of the shared memory where it is an argument; another where somebody is there."""
    wanted = draft.plan.ivshmem
    if wanted is None or not Bus(draft).at((wanted.bus, wanted.slot)):
        return wanted
    return Bus(draft).free_slot()
