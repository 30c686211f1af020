"""What ``<qemu:override>`` says of the places of libvirt's own devices: it wins over their ``<address>``."""

from __future__ import annotations

from collections.abc import Iterator

from optimux.notation.libvirt import QEMU, number
from optimux.patch.machine.aliases import aliases, user_alias
from optimux.patch.node import Node

PLACING = ("addr", "bus")


def places_of_overrides(root: Node) -> dict[Node, dict[str, object]]:
    """``addr`` and ``bus`` by device, for the few that have one; ``addr`` as QEMU's JSON has it."""
    found = {alias: _read(nodes) for alias, nodes in _properties(root)}
    if not found:
        return {}
    named = {alias: node for node, alias in aliases(root).items()}
    devices = root.child("devices")
    named |= {alias: node for node in devices.children if (alias := user_alias(node))} if devices is not None else {}
    return {named[alias]: values for alias, values in found.items() if alias in named}


def placing_properties(entry: Node) -> list[Node]:
    """The properties of one device's override that place it."""
    frontend = entry.child("frontend", QEMU)
    every = frontend.all("property", QEMU) if frontend is not None else ()
    return [node for node in every if node.get("name") in PLACING]


def _properties(root: Node) -> Iterator[tuple[str, list[Node]]]:
    block = root.child("override", QEMU)
    for entry in block.all("device", QEMU) if block is not None else ():
        if nodes := placing_properties(entry):
            yield entry.get("alias"), nodes


def _read(nodes: list[Node]) -> dict[str, object]:
    return {
        node.get("name"): number(node.get("value")) if node.get("type") in ("unsigned", "signed") else node.get("value")
        for node in nodes
    }
