"""The GPU's functions, matched by where the host sees them."""

from __future__ import annotations

from optimux.emit.domain_xml.commandline import overrides
from optimux.emit.domain_xml.devices import hostdev
from optimux.emit.xml import element
from optimux.notation.libvirt import QEMU
from optimux.patch.draft import Draft, describe
from optimux.patch.node import Node, new_node
from optimux.patch.order import place
from optimux.patch.placing import place_functions, planned_nodes, source_of
from optimux.plan.devices import HostDevice


def gpu(draft: Draft) -> None:
    """Each planned function is there once, and complete."""
    present = planned_nodes(draft)
    missing = [device for device in draft.plan.host_devices if device.source not in present]
    for device in draft.plan.host_devices:
        if device in missing:
            _insert(draft, device)
        else:
            _complete(draft, device, present[device.source])
    for slot in dict.fromkeys(device.guest.device for device in missing):
        place_functions(draft, slot)
    if draft.plan.subsystem:
        _overrides(draft)
    _leave_others(draft)


def _insert(draft: Draft, device: HostDevice) -> None:
    """Behind the card's other functions, in the order of the plan."""
    place(draft.devices, new_node(hostdev(device)))
    draft.did(f"added the host's {device.source}", "the plan gives it to this domain")


def _complete(draft: Draft, device: HostDevice, node: Node) -> None:
    draft.set(node, "managed", "yes", "libvirt hands the device over and takes it back")
    driver = node.child("driver")
    if device.iommufd:
        if driver is None:
            driver = draft.insert(node, element("driver", name="vfio"), "iommufd is asked for")
        draft.set(driver, "iommufd", "yes", "iommufd is asked for")
    if driver is not None and driver.get("name", "vfio") != "vfio":
        draft.set(driver, "name", "vfio", "the host binds the card to vfio-pci")
    _rom(draft, device, node)
    if device.alias and not _user_alias(node):
        _alias(draft, node, device.alias)


def _rom(draft: Draft, device: HostDevice, node: Node) -> None:
    rom = node.child("rom")
    if device.rom is None:
        if rom is not None:
            draft.leave(f"the ROM of {device.source}", "the configuration says nothing of it")
        return
    why = "the configuration names the card's ROM"
    if rom is None:
        draft.insert(node, element("rom", bar=device.rom.bar, file=device.rom.file), why)
        return
    for name, value in (("bar", device.rom.bar), ("file", device.rom.file)):
        if value is not None:
            draft.set(rom, name, value, why)


def _user_alias(node: Node) -> str | None:
    """libvirt keeps a user's alias only with this prefix."""
    alias = node.child("alias")
    return alias.get("name") if alias is not None and alias.get("name").startswith("ua-") else None


def _alias(draft: Draft, node: Node, name: str) -> None:
    why = "qemu:override finds the device by it"
    alias = node.child("alias")
    if alias is None:
        draft.insert(node, element("alias", name=name), why)
    else:
        draft.set(alias, "name", name, why)


def _overrides(draft: Draft) -> None:
    """The subsystem ids of the GPU's own function, by its alias."""
    wanted = overrides(draft.plan)
    device = next((d for d in draft.plan.host_devices if d.alias), None)
    node = planned_nodes(draft).get(device.source) if device else None
    if wanted is None or node is None:
        return
    alias = _user_alias(node) or ""
    block = draft.qemu_element("override")
    present = block.child("device", QEMU, alias=alias)
    why = "the card reports no subsystem ids"
    if present is None:
        added = new_node(wanted.children[0], block.name.rpartition(":")[0])
        added.set("alias", alias)
        block.add(added)
        draft.did(f"added {describe(added)} for {alias}", why)
        return
    prefix = block.name.rpartition(":")[0]
    frontend = present.child("frontend", QEMU) or present.add(Node(f"{prefix}:frontend", "frontend", QEMU, {}))
    for name, value in draft.plan.subsystem:
        _property(draft, frontend, prefix, name, value, why)


def _property(draft: Draft, frontend: Node, prefix: str, name: str, value: int, why: str) -> None:
    node = frontend.child("property", QEMU, name=name)
    if node is None:
        attributes = {"name": name, "type": "unsigned", "value": str(value)}
        frontend.add(Node(f"{prefix}:property", "property", QEMU, attributes))
        draft.did(f"added the property {name}", why)
        return
    draft.set(node, "type", "unsigned", why)
    draft.set(node, "value", value, why)


def _leave_others(draft: Draft) -> None:
    planned = {device.source for device in draft.plan.host_devices}
    for node in draft.all_devices():
        if (source := source_of(node)) is not None and source not in planned:
            draft.leave(f"the host's {source}", "the plan does not speak of it")
