"""A domain while it is patched: the tree, the machine that it makes, the plan, and what was said so far."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import cache
from itertools import chain, count

from optimux.emit.xml import Element
from optimux.notation.libvirt import QEMU
from optimux.patch.machine.aliases import aliases
from optimux.patch.machine.view import Machine
from optimux.patch.node import Node, new_node
from optimux.patch.order import place
from optimux.plan.model import DomainPlan
from optimux.record import Record

# What a table file holds, or ``None`` where it cannot be read here.
TableReader = Callable[[str], bytes | None]


class Change(Record):
    """What was done, or left, and why."""

    concern: str
    what: str
    why: str

    def __str__(self) -> str:
        return f"{self.concern}: {self.what} ({self.why})"


class Draft:
    """Concerns change the tree through this, and log each change."""

    def __init__(self, root: Node, plan: DomainPlan, concerns: Collection[str], read_table: TableReader) -> None:
        self.root = root
        self.plan = plan
        self.concerns = concerns
        self.read_table = cache(read_table)  # a domain may name one thousands of times
        self.concern = ""
        self.changes: list[Change] = []
        self.machine = Machine(root)
        self._left: dict[Change, None] = {}
        self._unpatched: dict[Change, None] = {}
        # Only an override, or a -set, names a device by what libvirt calls it.
        self.aliases_before = aliases(root)

    def did(self, what: str, why: str) -> None:
        """Log a change."""
        self.changes.append(Change(self.concern, what, why))

    def leave(self, what: str, why: str) -> None:
        """Log something of the user's that stays."""
        self._left[Change(self.concern, what, why)] = None

    def unpatched(self, key: str, why: str) -> None:
        """Log a key that the user stated and that is not applied."""
        self._unpatched[Change(self.concern, key, why)] = None

    @property
    def not_applied(self) -> tuple[Change, ...]:
        """Stated keys that are not applied, each once."""
        return tuple(self._unpatched)

    @property
    def left(self) -> tuple[Change, ...]:
        """What stays, each once."""
        return tuple(self._left)

    def states(self, key: str) -> bool:
        """Whether the user wrote this key of the VM, or one inside it."""
        return self.plan.requested.states(key)

    @property
    def has_usb(self) -> bool:
        """Whether USB devices find a bus, now or when the concern of that name has had its turn."""
        comes = "usb" in self.concerns and self.states("usb.model") and self.plan.usb.model != "none"
        return comes or self.machine.has_usb

    def ensure(self, parent: Node, name: str) -> Node:
        """The child of a name, made where it is missing. The caller logs what it puts in."""
        return parent.child(name) or place(parent, Node(name, name, "", {}))

    def insert(self, parent: Node, element: Element, why: str) -> Node:
        """Add what the emitter builds, in libvirt's order."""
        node = self.add(parent, new_node(element))
        self.did(f"added {describe(node)}", why)
        return node

    def add(self, parent: Node, node: Node) -> Node:
        """Put an element in, in libvirt's order. The caller logs it."""
        place(parent, node)
        self._seen(node)
        return node

    def remove(self, node: Node, why: str) -> None:
        """Take an element out."""
        self.did(f"removed {describe(node)}", why)
        self.drop(node)

    def drop(self, node: Node) -> None:
        """Take an element out. The caller logs it."""
        node.remove()
        self._seen(node)

    def _seen(self, node: Node) -> None:
        """Keep the machine in step, for a device and for what a device says of its place."""
        if node.parent is not None and node.parent.local == "devices":
            self.machine.refresh(node)
        elif node.local in ("address", "source") and node.parent is not None:
            self.machine.refresh(node.parent)

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
        names = chain(["qemu"], (f"qemu{number}" for number in count(1)))
        prefix = next(name for name in names if f"xmlns:{name}" not in self.root.attributes)
        self.root.set(f"xmlns:{prefix}", QEMU)
        return prefix

    def qemu_element(self, name: str) -> Node:
        """``<qemu:NAME>`` of the domain, made where it is missing."""
        found = self.root.child(name, QEMU)
        return found or place(self.root, Node(f"{self.qemu_prefix()}:{name}", name, QEMU, {}))


def describe(node: Node) -> str:
    """An element in a few words: its name and what tells it from its like."""
    telling = ("type", "model", "name", "index", "mode", "value", "alias", "bar", "file")
    words = [node.name, *(f"{key}='{node.attributes[key]}'" for key in telling if key in node.attributes)]
    model = node.child("model")
    if model is not None and "type" in model.attributes:
        words.append(f"model='{model.attributes['type']}'")
    return f"<{' '.join(words)}>"
