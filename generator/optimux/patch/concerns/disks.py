"""Disks and network cards: added or changed by what tells them apart, never removed; only what is stated."""

from __future__ import annotations

from collections.abc import Iterator

from optimux.emit.domain_xml.devices import disk as disk_element
from optimux.emit.domain_xml.devices import network as network_element
from optimux.emit.xml import element
from optimux.patch.concerns.stated import WHY, child_of
from optimux.patch.draft import Draft, describe
from optimux.patch.machine.device import address_of
from optimux.patch.node import Node, new_node
from optimux.patch.placing import drive_controller, is_conventional, place_new
from optimux.plan.devices import Disk, Network

_DRIVER = ("cache", "io", "iothread")
_INSTALLED = "a system that is installed on it looks for it there"
_BOOT = "the domain has <boot dev=…>, which libvirt does not take beside an order of devices"


def disks(draft: Draft) -> None:
    """Each stated disk by its source, else by its target where that holds no other source."""
    windows = {"windows.iso": draft.plan.windows.iso, "windows.virtioWin": draft.plan.windows.virtio_win}
    media = {path for key, path in windows.items() if path and draft.states(key)}
    for planned in draft.plan.disks:
        if draft.states("disks"):
            _bring(draft, planned)
        elif planned.source in media:  # beside disks of which nothing is said: the domain's own order stays
            _bring(draft, planned.replace(boot_order=None))


def _bring(draft: Draft, planned: Disk) -> None:
    present = _find(draft, planned)
    given = draft.machine.drive_argument(planned.source) if planned.source else None
    if present is None and given is not None:
        draft.unpatched(f"disks of {planned.source}", f"the argument {given} gives the guest the same already")
    elif present is None:
        _add(draft, planned)
    else:
        _change(draft, present, planned)


def _find(draft: Draft, planned: Disk) -> Node | None:
    every = list(draft.devices.all("disk"))
    if planned.source:
        return next((node for node in every if planned.source in _sources(node)), None)
    empty = (node for node in every if node.get("device", "disk") == planned.device and not _sources(node))
    return next(empty, None)


def _sources(node: Node) -> set[str]:
    source = node.child("source")
    return (
        {source.get(name) for name in ("file", "dev", "dir", "volume", "name") if source.get(name)} if source else set()
    )


def _add(draft: Draft, planned: Disk) -> None:
    node = new_node(disk_element(planned))
    target = node.child("target")
    assert target is not None
    taken = {other.get("dev") for disk in draft.devices.all("disk") for other in disk.all("target")}
    if target.get("dev") in taken:
        target.set("dev", next(name for name in _names(target.get("dev")) if name not in taken))
    _without_boot(node)
    if planned.bus == "scsi":
        _scsi(draft, node)
    draft.add(draft.devices, node)
    if planned.bus in ("virtio", "nvme"):
        place_new(draft, node, planned.address, conventional=False)
    draft.did(f"added {describe(node)} {planned.source or 'without a medium'} as {target.get('dev')}", WHY)
    _boot(draft, node, planned.boot_order, "disks.bootOrder")


def _without_boot(node: Node) -> None:
    """Its order is given when it is there, where it may clash."""
    if (boot := node.child("boot")) is not None:
        boot.remove()


def _scsi(draft: Draft, node: Node) -> None:
    """The controllers that the plan has, unless others are there: libvirt's default one has no driver in Windows."""
    address, index = node.child("address"), drive_controller(node) or 0
    there = {each.get("index", "0"): each.get("model") for each in draft.devices.all("controller", type_="scsi")}
    if set(there.values()) <= {"virtio-scsi"}:
        for number in range(index + 1):
            if str(number) not in there:
                wanted = element("controller", type_="scsi", index=number, model="virtio-scsi")
                place_new(draft, draft.insert(draft.devices, wanted, "the disk hangs on it"), None, conventional=False)
    elif address is not None and there.get(str(index)) != "virtio-scsi":
        address.remove()
        return
    if address is not None and _is_taken(draft, address):
        address.remove()


def _is_taken(draft: Draft, address: Node) -> bool:
    wanted = {(key, address.get(key, "0")) for key in ("controller", "bus", "target", "unit")}
    disks = (disk for disk in draft.devices.all("disk") if any(t.get("bus") == "scsi" for t in disk.all("target")))
    return any(
        wanted == {(key, other.get(key, "0")) for key in ("controller", "bus", "target", "unit")}
        for disk in disks
        for other in disk.all("address", type_="drive")
    )


def _names(target: str) -> Iterator[str]:
    """Further targets of the same prefix: vda, vdb, … and nvme0n1, nvme1n1, …"""
    if target.startswith("nvme"):
        yield from (f"nvme{number}n1" for number in range(256))
    else:
        letters = "abcdefghijklmnopqrstuvwxyz"
        yield from (f"{target[:2]}{letter}" for letter in letters)
        yield from (f"{target[:2]}{first}{second}" for first in letters for second in letters)


def _change(draft: Draft, node: Node, planned: Disk) -> None:
    driver = draft.ensure(node, "driver")
    for name in _DRIVER:
        value = getattr(planned, name)
        if value is not None:
            draft.set(driver, name, value, WHY)
    if planned.discard not in ("unmap", "default"):
        draft.set(driver, "discard", planned.discard, WHY)
    _serial(draft, node, planned)
    _boot(draft, node, planned.boot_order, "disks.bootOrder")
    target = node.child("target")
    bus = target.get("bus") if target is not None else ""
    if bus and bus != planned.bus and draft.states(f"disks[{planned.index}].bus"):
        draft.unpatched(f"disks.bus of {planned.source or 'a drive'}", f"it is on {bus}: {_INSTALLED}")
    kind = driver.get("type")
    if kind and kind != planned.format and draft.states(f"disks[{planned.index}].format"):
        draft.unpatched(f"disks.format of {planned.source}", f"it is {kind}: an image is what it is")
    if driver.span is None and not driver.attributes:
        driver.remove()  # made for nothing


def _serial(draft: Draft, node: Node, planned: Disk) -> None:
    if planned.serial is None:
        return
    present = node.child("serial")
    if present is None:
        wanted = new_node(disk_element(planned)).child("serial")
        assert wanted is not None
        draft.add(node, child_of(wanted))
        draft.did(f"added <serial> {planned.serial}", WHY)
    else:
        draft.set_text(present, planned.serial, WHY)


def _boot(draft: Draft, node: Node, order: int | None, key: str) -> None:
    if order is None:
        return
    if _has_boot_devices(draft):
        draft.unpatched(key, _BOOT)
        return
    others = (device for device in draft.all_devices() if device is not node)
    other = next((device for device in others if device.child("boot", order=str(order)) is not None), None)
    if other is not None:
        draft.unpatched(key, f"{describe(other)} has {order} already")
        return
    present = node.child("boot")
    if present is None:
        draft.add(node, Node("boot", "boot", "", {"order": str(order)}))
        draft.did(f"added <boot order='{order}'> to {describe(node)}", WHY)
    else:
        draft.set(present, "order", order, WHY)


def _has_boot_devices(draft: Draft) -> bool:
    os = draft.root.child("os")
    return os is not None and os.child("boot") is not None


def networks(draft: Draft) -> None:
    """Each stated card by its MAC address, else by where it is plugged in, else by its place in the list."""
    if not draft.states("networks"):
        return
    unused = list(draft.devices.all("interface"))
    for index, planned in enumerate(draft.plan.networks):
        present = _card(unused, planned)
        if present is None:
            node = new_node(network_element(planned))
            _without_boot(node)
            draft.add(draft.devices, node)
            place_new(draft, node, planned.address, conventional=is_conventional(node))
            draft.did(f"added {describe(node)} on {planned.source or planned.type}", WHY)
            _boot(draft, node, planned.boot_order, f"networks[{index}].bootOrder")
        else:
            unused.remove(present)
            _plug(draft, present, planned, index)
    for node in unused:
        draft.leave(describe(node), "the configuration names no card for it")


def _card(unused: list[Node], planned: Network) -> Node | None:
    if planned.mac is not None:
        same = (node for node in unused if any(m.get("address").lower() == planned.mac for m in node.all("mac")))
        return next(same, None)
    plugged = (node for node in unused if _is_plugged(node, planned))
    return next(plugged, unused[0] if unused else None)


def _is_plugged(node: Node, planned: Network) -> bool:
    wanted = new_node(network_element(planned)).child("source")
    source = node.child("source")
    if node.get("type") != planned.type:
        return False
    return wanted is None or (source is not None and wanted.attributes.items() <= source.attributes.items())


def _plug(draft: Draft, node: Node, planned: Network, index: int) -> None:
    wanted = new_node(network_element(planned))
    if not _is_plugged(node, planned):
        draft.set(node, "type", planned.type, WHY)
        for source in list(node.all("source")):
            draft.remove(source, "the card is plugged in elsewhere now")
        for name in ("target", "virtualport", "portForwards"):
            if (child := node.child(name)) is not None:
                draft.remove(child, "it belongs to where the card was plugged in")
        if (plugged := wanted.child("source")) is not None:
            draft.add(node, child_of(plugged))
            draft.did(f"added <source> {planned.source} to the network card", WHY)
    model = node.child("model")
    if draft.states(f"networks[{index}].model"):
        if model is None:
            draft.add(node, Node("model", "model", "", {"type": planned.model}))
            draft.did(f"added <model type='{planned.model}'>", WHY)
        else:
            _set_model(draft, node, model, planned)
    _boot(draft, node, planned.boot_order, f"networks[{index}].bootOrder")


def _set_model(draft: Draft, node: Node, model: Node, planned: Network) -> None:
    """A card of the other kind of PCI does not work behind the port, or on the bus, of the first."""
    was = is_conventional(node)
    draft.set(model, "type", planned.model, WHY)
    address = node.child("address")
    if is_conventional(node) != was and address is not None:
        draft.remove(address, "a card of this model sits on the other kind of bus")
        place_new(draft, node, planned.address, conventional=is_conventional(node))
        if (place := address_of(node)) is not None:
            draft.did(f"put {describe(node)} at {place}", WHY)
