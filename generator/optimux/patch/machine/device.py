"""One device: an element of libvirt's, or an argument of QEMU's."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count

from optimux.notation.libvirt import bus_index, guest_address, pci_address
from optimux.notation.qemu.numbers import read_host, read_place
from optimux.patch.machine.arguments import Argument
from optimux.patch.node import Node
from optimux.pci import Address

# A bus by the index of libvirt's controller, or by the id of an argument's own bridge.
Bus = int | str
Slot = tuple[Bus, int]
BRIDGES = (
    "pcie-root-port",
    "pcie-switch-upstream-port",
    "pcie-switch-downstream-port",
    "pcie-to-pci-bridge",
    "dmi-to-pci-bridge",
    "pci-bridge",
)
_ARGUMENT_BRIDGES = (
    *("pcie-root-port", "ioh3420", "x3130-upstream", "xio3130-downstream", "pcie-pci-bridge"),
    *("pci-bridge", "i82801b11-bridge"),
)
_PASSED = ("vfio-pci", "vfio-pci-nohotplug")


class Device:
    """Where it is written, its driver, its id, its place in the guest (by libvirt's bus), the host's function."""

    __slots__ = ("argument", "bus", "driver", "function", "host", "index", "node", "slot")

    def __init__(
        self, node: Node | None, argument: Argument | None, driver: str, place: tuple[Bus, int, int] | None,
        host: Address | None,
    ) -> None:  # fmt: skip
        self.node, self.argument, self.driver, self.host = node, argument, driver, host
        self.index: int | None = None  # of a PCI controller of libvirt's
        self.bus: Bus | None = place[0] if place is not None else None
        self.slot, self.function = place[1:] if place is not None else (0, 0)

    @property
    def place(self) -> tuple[Slot, int] | None:
        """Slot and function, where they are known."""
        return ((self.bus, self.slot), self.function) if self.bus is not None else None

    @property
    def behind(self) -> Bus | None:
        """The bus that a bridge opens."""
        if self.node is not None:
            return self.index if self.driver in BRIDGES else None
        assert self.argument is not None
        return self.argument.get("id") or None if self.driver in _ARGUMENT_BRIDGES else None


def index_of(node: Node) -> int | None:
    """The number that a PCI controller says it has."""
    text = node.get("index")
    return int(text) if text.isdecimal() and len(text) < 10 else None


def implied_indices(controllers: list[Node]) -> dict[Node, int]:
    """Those of PCI controllers that say none: libvirt gives each the lowest that is free, in their order."""
    silent = [node for node in controllers if not node.get("index")]
    used = {index_of(node) for node in controllers} if silent else set()
    free = (number for number in count() if number not in used)
    return dict(zip(silent, free, strict=False))


def of_element(node: Node, overlay: Mapping[str, object] | None = None) -> Device:
    """An element of ``<devices>``; ``overlay`` is what ``qemu:override`` says of its place."""
    address = address_of(node)
    place: tuple[Bus, int, int] | None = None
    if address is not None and not address.domain:
        place = (address.bus, address.slot, address.function)
    if overlay:
        place = _overridden(place, overlay)
    driver = node.get("model") if node.local == "controller" and node.get("type") == "pci" else node.local
    device = Device(node, None, driver, place, source_of(node))
    if node.local == "controller" and node.get("type") == "pci":
        device.index = index_of(node)
    return device


def _overridden(place: tuple[Bus, int, int] | None, overlay: Mapping[str, object]) -> tuple[Bus, int, int] | None:
    bus: Bus | None = place[0] if place is not None else 0
    if isinstance(said := overlay.get("bus"), str):
        index = bus_index(said)
        bus = index if index is not None else said
    slot = read_place(overlay["addr"]) if "addr" in overlay else place[1:] if place is not None else None
    return (bus, *slot) if slot is not None and bus is not None else None


def of_argument(argument: Argument, overlay: Mapping[str, str], defaults: Mapping[str, str] | None = None) -> Device:
    """A ``-device``; ``overlay`` is what ``-set`` gives it, ``defaults`` what ``-global`` gives its driver."""
    assert argument.values is not None
    driver = argument.get("driver")
    values = {**(defaults or {}), **argument.values.values, **overlay}
    place, bus = read_place(values.get("addr")), str(values.get("bus") or "pcie.0")
    index = bus_index(bus)
    where = (index if index is not None else bus, *place) if place is not None else None
    return Device(None, argument, driver, where, _host_of(argument) if driver in _PASSED else None)


def _host_of(argument: Argument) -> Address | None:
    folder = argument.get("sysfsdev").rstrip("/").rpartition("/")[2]
    return read_host(argument.get("host") or folder)


def address_of(node: Node) -> Address | None:
    """Where libvirt puts a device, where its element says so."""
    # Asked of every device: no generator for it.
    address = next((c for c in node.children if c.local == "address" and c.attributes.get("type") == "pci"), None)
    return guest_address(address.attributes) if address is not None else None


def source_of(node: Node) -> Address | None:
    """Where the host sees a PCI function that an element passes."""
    kind = node.get("type")
    if not (
        (node.local == "hostdev" and kind == "pci")
        or (node.local == "interface" and kind == "hostdev")
        or (node.local == "disk" and kind == "nvme")
    ):
        return None
    source = node.child("source")
    place = source.child("address") if source is not None else None
    return pci_address(place.attributes) if place is not None and place.get("type", "pci") == "pci" else None
