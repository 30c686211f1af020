"""Room for what libvirt places itself: a port of its own in front of the card's would change the card's bus number."""

from __future__ import annotations

from collections.abc import Iterator

from optimux.patch.draft import Draft, describe
from optimux.patch.machine.device import Device, address_of
from optimux.patch.node import Node
from optimux.patch.placing import is_conventional, planned_nodes, set_address, settle_conventional
from optimux.patch.ports import OWN_SLOTS, add_port, free_port_place, free_slot, spare_function

# Elements whose device sits on PCI Express whatever their model, where it has a model of virtio's or none is asked.
_ALWAYS = frozenset({"rng", "vsock", "filesystem"})
_WHY = "libvirt would make a port for what has no place, in front of the GPU's, and the GPU would change its bus"

_GAP = "libvirt would make one of this index in front of the GPU's, which would change its bus"


def keep_the_cards_bus(draft: Draft) -> None:
    """Where libvirt may put a port in front of the card's, give it ports behind it for all that has no place yet.

    It takes ports that are free before it makes new ones, and makes those in the lowest free slot of bus 0; one for
    each index too that is left out below the highest.
    """
    port = _last_port(draft)
    if port is None:
        return
    if _is_exposed(draft, port) or _has_empty_port_before(draft, port):
        settle_conventional(draft)
    if _is_exposed(draft, port):
        _fill(draft)


def _fill(draft: Draft) -> None:
    """Places for ports without one, and ports for what needs one, the latter as far as there is room."""
    for node in list(_unplaced_ports(draft)):
        place = free_port_place(draft) or free_slot(draft)  # which refuses: libvirt has no room for it either
        set_address(draft, node, place, multifunction=place.function == 0)
        draft.did(f"put {describe(node)} at {place}", _WHY)
    used = draft.machine.indices
    most = max((0, *used))
    gaps = sorted(set(range(1, most)) - used)
    free = len(gaps) + sum(1 for bus in draft.machine.ports if draft.machine.is_empty(bus))
    for index in (*gaps, *range(most + 1, most + 1 + _wanting(draft) - free)):
        if free_port_place(draft) is not None:
            add_port(draft, None, index, _GAP if index < most else _WHY)


def _last_port(draft: Draft) -> Device | None:
    """Of the ports on bus 0 that planned functions sit behind, the one that the guest counts last."""
    places = [address_of(node) for node in planned_nodes(draft).values()]
    buses = {place.bus for place in places if place is not None}
    ports = [bridge for bridge in draft.machine.bridges if bridge.bus == 0 and bridge.behind in buses]
    return max(ports, key=lambda port: (port.slot, port.function), default=None)


def _has_empty_port_before(draft: Draft, last: Device) -> bool:
    """Whether the bridge that libvirt adds for conventional PCI finds a port in front, and takes a bus number there."""
    return any(
        port.driver == "pcie-root-port"
        and port.bus == 0
        and port.behind is not None
        and (port.slot, port.function) < (last.slot, last.function)
        and draft.machine.is_empty(port.behind)
        for port in draft.machine.bridges
    )


def _is_exposed(draft: Draft, port: Device) -> bool:
    """Whether libvirt finds room below the port: it does not see what arguments take, and fills functions of ports."""
    below = [slot for slot in range(1, port.slot) if slot not in OWN_SLOTS]
    if any(all(device.node is None for device in draft.machine.at((0, slot))) for slot in below):
        return True
    return any(
        spare_function(draft.machine.at((0, slot)), slot, most=port.function if slot == port.slot else 8) is not None
        for slot in (*below, port.slot)
    )


def _unplaced_ports(draft: Draft) -> Iterator[Node]:
    for bridge in draft.machine.bridges:
        if bridge.node is not None and bridge.place is None and bridge.driver == "pcie-root-port":
            yield bridge.node


def _wanting(draft: Draft) -> int:
    """How many devices libvirt will look for a port for, its own ones among them; rather one too many."""
    nodes = list(draft.all_devices())
    count = sum(1 for node in nodes if address_of(node) is None and _is_express(node))
    kinds = {(node.local, node.get("type")) for node in nodes}
    targets = [target for node in nodes if node.local in ("channel", "console") for target in node.all("target")]
    is_serial = any(target.get("type") == "virtio" for target in targets)
    count += is_serial and ("controller", "virtio-serial") not in kinds
    count += _has_scsi(nodes) and ("controller", "scsi") not in kinds
    count += ("controller", "usb") not in kinds
    return count + (not any(node.local == "memballoon" for node in nodes))


def _has_scsi(nodes: list[Node]) -> bool:
    return any(target.get("bus") == "scsi" for node in nodes if node.local == "disk" for target in node.all("target"))


def _is_express(node: Node) -> bool:
    model = node.get("model")
    if is_conventional(node):
        return False
    if node.local == "disk":
        return any(target.get("bus") == "virtio" for target in node.all("target"))
    if node.local == "controller":
        kind = node.get("type")
        has_port = kind == "virtio-serial" or kind == "scsi" or model.endswith("xhci")
        return has_port or model == "pcie-to-pci-bridge"
    if node.local == "hostdev":
        return node.get("type") in ("pci", "mdev", "scsi_host")
    if node.local == "input":
        return node.get("bus") == "virtio"
    if node.local == "interface":
        return True
    return node.local in _ALWAYS or model.startswith("virtio")
