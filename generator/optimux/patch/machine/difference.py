"""What a patch does to the machine: devices that come, go, sit elsewhere, or become another one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from optimux.notation.libvirt import bus_id
from optimux.patch.machine.device import Device
from optimux.pci import Address
from optimux.record import Record

if TYPE_CHECKING:
    from optimux.patch.machine.view import Machine
    from optimux.patch.node import Node

# Children of <devices> that the guest does not see.
_NO_DEVICE = frozenset({"emulator", "audio", "graphics", "#comment"})
_ANYWHERE = "where libvirt puts it"


class Move(Record):
    """A device and its places in the guest; empty where libvirt or QEMU is to choose."""

    device: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.device}: {self.before or _ANYWHERE} -> {self.after or _ANYWHERE}"


class MachineDifference(Record):
    """Devices in a few words each; ``changed`` are those that became another device where they were."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    moved: tuple[Move, ...]
    changed: tuple[str, ...]

    def lines(self) -> list[str]:
        """For a person: a heading with the counts, then one line each."""
        groups = {"added": self.added, "removed": self.removed, "moved": self.moved, "changed": self.changed}
        counts = ", ".join(f"{len(found)} {name}" for name, found in groups.items() if found)
        heading = f"The machine: {counts}" if counts else "The machine: the same devices at the same places"
        return [heading, *(f"  {name:<8} {each}" for name, found in groups.items() for each in found)]


class Seen(NamedTuple):
    """A device at one moment: what it is, and its place in the guest, empty where that is not known."""

    what: str
    place: str

    def __str__(self) -> str:
        return f"{self.what} at {self.place}" if self.place else self.what


# Who a device is, before and after; the number tells what is there twice.
Identity = tuple[object, int]


def seen(machine: Machine) -> dict[Identity, Seen]:
    """Every device that the guest sees, in the domain's order, and the ACPI tables."""
    found: dict[Identity, Seen] = {}
    counts: Counter[object] = Counter()
    for who, device in _all(machine):
        found[who, counts[who]] = device
        counts[who] += 1
    return found


def difference(before: dict[Identity, Seen], after: dict[Identity, Seen]) -> MachineDifference:
    """From one moment to another."""
    both = [(old, after[who]) for who, old in before.items() if who in after]
    return MachineDifference(
        tuple(str(new) for who, new in after.items() if who not in before),
        tuple(str(old) for who, old in before.items() if who not in after),
        tuple(Move(new.what, old.place, new.place) for old, new in both if old.place != new.place),
        tuple(f"{old.what} -> {new.what}" for old, new in both if old.what != new.what),
    )


def _all(machine: Machine) -> Iterator[tuple[object, Seen]]:
    balloon = False
    for device in machine.devices:
        node = device.node
        balloon |= node is not None and node.local == "memballoon"
        if node is None or not (node.local in _NO_DEVICE or _is_none(node)):
            yield _identity(device), Seen(_what(device), _place(machine, device))
    if not balloon:
        yield "memballoon", Seen("memballoon virtio, which libvirt adds where none is named", "")
    for path in machine.tables:
        yield path, Seen(f"ACPI table {path}", "")


def _is_none(node: Node) -> bool:
    """Whether an element says that there is no such device."""
    model = node.child("model")
    return node.get("model") == "none" or (model is not None and model.get("type") == "none")


def _identity(device: Device) -> object:
    """A passed function is the same device as an element and as an argument."""
    if device.host is not None:
        return device.host
    if device.node is not None:
        return "memballoon" if device.node.local == "memballoon" else device.node
    assert device.argument is not None
    return device.argument.nodes[-1]


def _place(machine: Machine, device: Device) -> str:
    if device.place is None:
        return ""
    (bus, slot), function = device.place
    number = machine.guest_buses.get(bus)
    if number is not None:
        return str(Address(0, number, slot, function))
    return f"{bus if isinstance(bus, str) else bus_id(bus)} slot {slot:x}.{function}"


def _what(device: Device) -> str:
    if device.host is not None:
        return f"host device {device.host}"
    if device.node is None:
        assert device.argument is not None
        return " ".join(word for word in (device.driver, device.argument.get("id")) if word)
    return " ".join([device.node.local, *_telling(device.node)])


def _telling(node: Node) -> Iterator[str]:
    """What tells an element from its like."""
    yield from (node.attributes[key] for key in ("type", "model", "name", "index", "bus") if key in node.attributes)
    for local, keys in (("model", ("type",)), ("target", ("dev", "name")), ("source", ("dev",))):
        child = node.child(local)
        yield from (child.attributes[key] for key in keys if child is not None and key in child.attributes)
