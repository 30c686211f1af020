"""The GPU's functions, matched by where the host sees them."""

from __future__ import annotations

from itertools import chain, count

from optimux.emit.domain_xml.devices import hostdev
from optimux.emit.xml import element
from optimux.notation.libvirt import QEMU
from optimux.patch.arguments import remove
from optimux.patch.draft import Draft, describe
from optimux.patch.machine.aliases import aliases, user_alias
from optimux.patch.machine.arguments import Argument
from optimux.patch.node import Node, new_node
from optimux.patch.overrides import Setting, name_device, set_properties, sets_of, setting_of, take_over_sets
from optimux.patch.placing import place_functions, planned_nodes
from optimux.plan.devices import HostDevice

# What an element says of a passed device in words of its own; every other property becomes an override.
_SAID = ("driver", "id", "host", "sysfsdev", "bus", "addr", "multifunction", "rombar", "romfile")
_ALIAS = "ua-gpu"


def gpu(draft: Draft) -> None:
    """Each planned function is there once, and complete."""
    present = planned_nodes(draft)
    missing = [device for device in draft.plan.host_devices if device.source not in present]
    taken = {device: _arguments(draft, device) for device in draft.plan.host_devices}
    for device in draft.plan.host_devices:
        if device in missing:
            _insert(draft, device)
        else:
            _complete(draft, device, present[device.source])
            _doubles(draft, device, present[device.source])
    for device, arguments in taken.items():
        _take_over(draft, device, arguments)
    for slot in dict.fromkeys(device.guest.device for device in missing):
        place_functions(draft, slot)
    _properties(draft)
    _leave_others(draft)


def _arguments(draft: Draft, device: HostDevice) -> list[Argument]:
    """The ``-device vfio-pci`` arguments of a function."""
    return [found.argument for found in draft.machine.passing(device.source) if found.argument is not None]


def _insert(draft: Draft, device: HostDevice) -> None:
    """Behind the card's other functions, in the order of the plan."""
    node = draft.add(draft.devices, new_node(hostdev(device)))
    if (place := node.child("address")) is not None:
        draft.drop(place)  # it gets one when all of its functions are there
    draft.did(f"added the host's {device.source}", "the plan gives it to this domain")


def _doubles(draft: Draft, device: HostDevice, kept: Node) -> None:
    """A function that two elements pass starts no machine."""
    for found in draft.machine.passing(device.source):
        if found.node is not None and found.node is not kept:
            draft.remove(found.node, f"the host's {device.source} is passed already")


def _take_over(draft: Draft, device: HostDevice, arguments: list[Argument]) -> None:
    """An argument that passes a planned function goes; what it says beside goes with the device."""
    gone: list[Argument] = []
    for argument in arguments[:1]:
        node = planned_nodes(draft)[device.source]
        assert argument.values is not None
        rom = {key: argument.get(name) for key, name in (("bar", "rombar"), ("file", "romfile")) if argument.get(name)}
        if rom and device.rom is None and node.child("rom") is None:
            rom |= {"bar": "off" if rom["bar"] in ("0", "off") else "on"} if "bar" in rom else {}
            draft.insert(node, element("rom", **rom), f"{argument} says so")
        more = [key for key in argument.values.values if key not in _SAID]
        sets = sets_of(draft, argument.get("id")) if argument.get("id") else []
        if more or sets:
            alias = _name(draft, device, node)
            settings = [Setting(key, argument.get(key), f"{argument} says so") for key in more]
            set_properties(draft, alias, settings + [setting_of(said, f"{said} says so") for said in sets])
        gone += sets
    remove(draft, [*arguments, *gone], f"libvirt passes the host's {device.source}, and twice starts no machine")


def _complete(draft: Draft, device: HostDevice, node: Node) -> None:
    if device.managed:
        draft.set(node, "managed", "yes", "libvirt hands the device over and takes it back")
    else:
        draft.set(node, "managed", "no", "our hook hands the device over, and refuses where libvirt would hang")
    driver = node.child("driver")
    if device.iommufd:
        if driver is None:
            driver = draft.insert(node, element("driver", name="vfio"), "iommufd is asked for")
        draft.set(driver, "iommufd", "yes", "iommufd is asked for")
    if driver is not None and driver.get("name", "vfio") != "vfio":
        draft.set(driver, "name", "vfio", "the host binds the card to vfio-pci")
    _rom(draft, device, node)


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


def _properties(draft: Draft) -> None:
    """The subsystem ids of the GPU's own function, and what ``-set`` says of any planned one."""
    nodes = planned_nodes(draft)
    for device in draft.plan.host_devices:
        node = nodes.get(device.source)
        if node is None:
            continue
        sets = any(sets_of(draft, name) for name in _names(draft, node))
        if not device.alias and not sets:
            continue
        alias = _name(draft, device, node)
        take_over_sets(draft, node, alias)
        ids = draft.plan.subsystem if device.alias else ()
        why = "the card reports no subsystem ids"
        set_properties(draft, alias, [Setting(name, str(value), why) for name, value in ids])


def _name(draft: Draft, device: HostDevice, node: Node) -> str:
    """An alias of the function's own: libvirt takes none twice."""
    others = {user_alias(other) for other in draft.all_devices() if other is not node}
    names = chain([device.alias or _ALIAS], (f"{_ALIAS}-{number}" for number in count(1)))
    return name_device(draft, node, next(name for name in names if name not in others))


def _names(draft: Draft, node: Node) -> list[str]:
    before = draft.aliases_before.get(node)
    own = user_alias(node)
    return [name for name in (before, own) if name]


def _leave_others(draft: Draft) -> None:
    planned = {device.source for device in draft.plan.host_devices}
    for source in draft.machine.hosts:
        if source not in planned:
            draft.leave(f"the host's {source}", "the plan does not speak of it")
    every = set(aliases(draft.root).values())
    block = draft.root.child("override", QEMU)
    for entry in block.all("device", QEMU) if block is not None else ():
        if entry.get("alias").startswith(("ua-", "hostdev")) and entry.get("alias") not in every:
            draft.leave(describe(entry), "no device has this alias, and libvirt drops it in silence")
    for argument in draft.machine.of_option("set"):
        said = argument.assignment
        if said is not None and said.group == "device" and said.target in every:
            draft.leave(f"the argument {argument}", "libvirt writes the device as JSON: QEMU finds none and ends")
