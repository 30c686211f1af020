"""A domain while it is patched: the tree, the plan, and what was said so far."""

from __future__ import annotations

from collections.abc import Iterator

from optimux.emit.xml import Element
from optimux.notation.libvirt import QEMU
from optimux.patch.node import Node, new_node
from optimux.patch.order import place
from optimux.plan.model import DomainPlan
from optimux.record import Record


class Change(Record):
    """What was done, or left, and why."""

    concern: str
    what: str
    why: str

    def __str__(self) -> str:
        return f"{self.concern}: {self.what} ({self.why})"


class Draft:
    """Concerns change the tree through this, and log each change."""

    def __init__(self, root: Node, plan: DomainPlan) -> None:
        self.root = root
        self.plan = plan
        self.concern = ""
        self.changes: list[Change] = []
        self.left: list[Change] = []

    def did(self, what: str, why: str) -> None:
        """Log a change."""
        self.changes.append(Change(self.concern, what, why))

    def leave(self, what: str, why: str) -> None:
        """Log something of the user's that stays."""
        change = Change(self.concern, what, why)
        if change not in self.left:
            self.left.append(change)

    def ensure(self, parent: Node, name: str) -> Node:
        """The child of a name, made where it is missing. The caller logs what it puts in."""
        return parent.child(name) or place(parent, Node(name, name, "", {}))

    def insert(self, parent: Node, element: Element, why: str) -> Node:
        """Add what the emitter builds, in libvirt's order."""
        node = place(parent, new_node(element))
        self.did(f"added {describe(node)}", why)
        return node

    def remove(self, node: Node, why: str) -> None:
        """Take an element out."""
        self.did(f"removed {describe(node)}", why)
        node.remove()

    def set(self, node: Node, name: str, value: object, why: str) -> None:
        """Give an attribute its value, logged where that changes something."""
        before = node.attributes.get(name)
        if node.set(name, value):
            change = f"from {before!r} to {str(value)!r}" if before is not None else f"to {str(value)!r}"
            self.did(f"set {name} of <{node.name}> {change}", why)

    def unset(self, node: Node, name: str, why: str) -> None:
        """Remove an attribute, logged where it was there."""
        if node.unset(name):
            self.did(f"removed {name} of <{node.name}>", why)

    def set_text(self, node: Node, text: str, why: str) -> None:
        """Give an element its text, logged where that changes something."""
        before = node.words
        if node.set_text(text):
            self.did(f"set <{node.name}> from {before!r} to {text!r}", why)

    @property
    def devices(self) -> Node:
        """``<devices>``."""
        return self.ensure(self.root, "devices")

    def all_devices(self) -> Iterator[Node]:
        """The devices that are there."""
        devices = self.root.child("devices")
        return iter(tuple(devices.children) if devices else ())

    def qemu_prefix(self) -> str:
        """The root's prefix of QEMU's namespace, declared there where it is missing."""
        for key, value in self.root.attributes.items():
            if key.startswith("xmlns:") and value == QEMU:
                return key.removeprefix("xmlns:")
        names = ("qemu", *(f"qemu{number}" for number in range(1, 99)))
        prefix = next(name for name in names if f"xmlns:{name}" not in self.root.attributes)
        self.root.set(f"xmlns:{prefix}", QEMU)
        return prefix

    def qemu_element(self, name: str) -> Node:
        """``<qemu:NAME>`` of the domain, made where it is missing."""
        found = self.root.child(name, QEMU)
        return found or place(self.root, Node(f"{self.qemu_prefix()}:{name}", name, QEMU, {}))


def describe(node: Node) -> str:
    """An element in a few words: its name and what tells it from its like."""
    telling = ("type", "model", "name", "index", "mode", "value")
    words = [node.name, *(f"{key}='{node.attributes[key]}'" for key in telling if key in node.attributes)]
    model = node.child("model")
    if model is not None and "type" in model.attributes:
        words.append(f"model='{model.attributes['type']}'")
    return f"<{' '.join(words)}>"
