"""``<qemu:override>``: properties of a device, found by the alias that libvirt gives it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from optimux.emit.xml import element
from optimux.notation.libvirt import QEMU
from optimux.notation.libvirt import number as read_number
from optimux.patch.arguments import remove
from optimux.patch.draft import Draft, describe
from optimux.patch.machine.aliases import aliases, user_alias
from optimux.patch.machine.arguments import Argument
from optimux.patch.machine.override import placing_properties
from optimux.patch.node import Node

_BOOLEAN = {"on": "true", "off": "false", "true": "true", "false": "false", "yes": "true", "no": "false"}


def follow_aliases(draft: Draft) -> None:
    """Each override that the domain had stays with its device: libvirt drops one whose alias nobody has, in silence."""
    block = draft.root.child("override", QEMU)
    if block is None:
        return
    old = {alias: node for node, alias in draft.aliases_before.items()}
    new = aliases(draft.root)
    for entry in list(block.all("device", QEMU)):
        node = old.get(entry.was_attributes.get("alias", ""))
        if node is None:  # of no device, or made by the patch
            continue
        if node not in new:
            draft.remove(entry, "its device is gone")
        elif new[node] != entry.get("alias"):
            draft.set(entry, "alias", new[node], "libvirt counts the device anew")


def name_device(draft: Draft, node: Node, alias: str, why: str = "qemu:override finds the device by it") -> str:
    """Give a device a user's alias; its override follows at once."""
    present = user_alias(node)
    if present is not None:
        return present
    before = draft.aliases_before.get(node)
    written = node.child("alias")
    if written is None:
        draft.insert(node, element("alias", name=alias), why)
    else:
        draft.set(written, "name", alias, why)
    entry = draft.machine.override(before) if before else None
    if entry is not None and entry.was_attributes:
        draft.set(entry, "alias", alias, "the override follows its device, or libvirt drops it in silence")
    return alias


def distinct_ids(draft: Draft) -> None:
    """A device to which libvirt would give the id of an argument gets an alias of its own: QEMU takes no id twice."""
    given = {argument.get("id") for argument in draft.machine.of_option("device")} - {""}
    for node, alias in aliases(draft.root).items() if given else ():
        if alias in given and not user_alias(node):
            name_device(draft, node, f"ua-{alias}", "an argument has the id that libvirt would give the device")


class Setting(NamedTuple):
    """A property of a device's front end: its value as QEMU's key=value form has it, and why it is set."""

    name: str
    value: str
    why: str


def set_properties(draft: Draft, alias: str, settings: Sequence[Setting]) -> None:
    """Properties of one device: numbers, switches, or text."""
    if not settings:
        return
    block = draft.qemu_element("override")
    prefix = block.name.rpartition(":")[0]

    def made(parent: Node, local: str, attributes: dict[str, str]) -> Node:
        return parent.add(Node(f"{prefix}:{local}" if prefix else local, local, QEMU, attributes))

    entry = block.child("device", QEMU, alias=alias)
    if entry is None:
        entry = made(block, "device", {"alias": alias})
        draft.did(f"added {describe(entry)}", settings[0].why)
    frontend = entry.child("frontend", QEMU) or made(entry, "frontend", {})
    present = {node.get("name"): node for node in reversed(list(frontend.all("property", QEMU)))}
    for name, text, why in settings:
        kind, value = _typed(text)
        node = present.get(name)
        if node is None:
            present[name] = made(frontend, "property", {"name": name, "type": kind, "value": value})
            draft.did(f"added the property {name} {value} of {alias}", why)
        elif not _same(node, kind, value):
            draft.set(node, "type", kind, why)
            draft.set(node, "value", value, why)


def _typed(text: str) -> tuple[str, str]:
    if (found := read_number(text)) is not None:
        return "unsigned", str(found)
    return ("bool", _BOOLEAN[text]) if text in _BOOLEAN else ("string", text)


def _same(node: Node, kind: str, value: str) -> bool:
    if node.get("type") != kind:
        return False
    return node.get("value") == value or (kind == "unsigned" and read_number(node.get("value")) == int(value))


def drop_override_of_place(draft: Draft, node: Node) -> None:
    """An override of a device's place wins over its ``<address>``, which libvirt plans all others around."""
    alias = user_alias(node) or draft.aliases_before.get(node, "")
    entry = draft.machine.override(alias) if alias else None
    for prop in placing_properties(entry) if entry is not None else ():
        draft.remove(prop, "it wins over the device's <address>, and libvirt plans the others around that")
    if entry is None:
        return
    draft.machine.forget_override(node)
    if not any(child.children for child in entry.children):
        _remove_empty(draft, entry)


def _remove_empty(draft: Draft, entry: Node) -> None:
    block = entry.parent
    draft.remove(entry, "it overrides nothing any more")
    if block is not None and not block.children:
        draft.remove(block, "it overrides nothing any more")


def sets_of(draft: Draft, alias: str) -> list[Argument]:
    """The ``-set device.ALIAS.…`` arguments of a device."""
    found = []
    for argument in draft.machine.of_option("set"):
        said = argument.assignment
        if said is not None and (said.group, said.target) == ("device", alias):
            found.append(argument)
    return found


def setting_of(argument: Argument, why: str) -> Setting:
    """What a ``-set`` says."""
    assert argument.assignment is not None
    return Setting(argument.assignment.key, argument.assignment.value, why)


def take_over_sets(draft: Draft, node: Node, alias: str) -> None:
    """``-set`` finds no device that libvirt writes as JSON, and ends QEMU: what it says becomes an override."""
    names = {alias, draft.aliases_before.get(node, alias)}
    found = [argument for name in sorted(names) for argument in sets_of(draft, name)]
    why = "{} finds no device, for libvirt writes it as JSON"
    set_properties(draft, alias, [setting_of(argument, why.format(argument)) for argument in found])
    remove(draft, found, "it finds no device, for libvirt writes it as JSON; qemu:override says the same")
