"""Every device of the machine and where it sits, read once and kept in step with the tree."""

from __future__ import annotations

from collections.abc import Iterator

from optimux.notation.libvirt import QEMU
from optimux.patch.machine.arguments import Argument, read_arguments
from optimux.patch.machine.device import Bus, Device, Slot, implied_indices, of_argument, of_element
from optimux.patch.machine.override import places_of_overrides
from optimux.patch.node import Node
from optimux.pci import Address, guest_buses

_ROOT_PORT = "pcie-root-port"


class Machine:
    """Asked by slot, by function of the host, by bus; each answer costs what it finds, not what the domain holds."""

    def __init__(self, root: Node) -> None:
        self._root = root
        self._devices: dict[int, Device] = {}
        self._slots: dict[Slot, dict[int, Device]] = {}
        self._on_bus: dict[Bus, int] = {}
        self._hosts: dict[Address, dict[int, Device]] = {}
        self._bridges: dict[int, Device] = {}
        self._numbers: dict[Bus, int] | None = None
        self._argument_keys: list[int] = []
        self.arguments: list[Argument] = []
        self._overrides = places_of_overrides(root)
        devices = root.child("devices")
        self._implied = implied_indices(list(devices.all("controller", type_="pci"))) if devices is not None else {}
        for node in devices.children if devices is not None else ():
            self._add_element(node)
        self.read_arguments()

    def read_arguments(self) -> None:
        """The command line anew, after words came or went."""
        self.arguments = list(read_arguments(self._root))
        self.refresh_arguments()

    def refresh_arguments(self) -> None:
        """The arguments' devices anew, after a change of their values."""
        for key in self._argument_keys:
            self._drop(key)
        self._argument_keys = []
        overlays: dict[str, dict[str, str]] = {}
        for argument in self.of_option("set"):
            said = argument.assignment
            if said is not None and said.group == "device":
                overlays.setdefault(said.target, {})[said.key] = said.value
        defaults: dict[str, dict[str, str]] = {}
        for argument in self.of_option("global"):
            if (said := argument.assignment) is not None:
                defaults.setdefault(said.target, {})[said.key] = said.value
        for argument in self.of_option("device"):
            if argument.values is not None:
                self._argument_keys.append(id(argument))
                overlay = overlays.get(argument.get("id"), {})
                self._add(id(argument), of_argument(argument, overlay, defaults.get(argument.get("driver"))))

    def of_option(self, *options: str) -> Iterator[Argument]:
        """The arguments of some options, in order."""
        return (argument for argument in self.arguments if argument.option in options)

    def refresh(self, node: Node) -> None:
        """An element was added, changed or removed."""
        self._drop(id(node))
        if not node.gone and node.parent is not None and node.parent.local == "devices":
            self._add_element(node)

    def _add_element(self, node: Node) -> None:
        device = of_element(node, self._overrides.get(node))
        if node in self._implied:
            device.index = self._implied[node]
        self._add(id(node), device)

    def forget_override(self, node: Node) -> None:
        """What ``qemu:override`` said of a device's place is gone."""
        self._overrides.pop(node, None)
        self.refresh(node)

    def _add(self, key: int, device: Device) -> None:
        self._devices[key] = device
        if device.place is not None:
            slot, _ = device.place
            self._slots.setdefault(slot, {})[key] = device
            self._on_bus[slot[0]] = self._on_bus.get(slot[0], 0) + 1
        if device.host is not None:
            self._hosts.setdefault(device.host, {})[key] = device
        if device.behind is not None:
            self._bridges[key] = device
            self._numbers = None

    def _drop(self, key: int) -> None:
        device = self._devices.pop(key, None)
        if device is None:
            return
        if device.place is not None:
            slot, _ = device.place
            del self._slots[slot][key]
            self._on_bus[slot[0]] -= 1
        if device.host is not None:
            del self._hosts[device.host][key]
        if self._bridges.pop(key, None) is not None:
            self._numbers = None

    @property
    def tables(self) -> list[str]:
        """The files of the ACPI tables: libvirt's elements, then the arguments."""
        os = self._root.child("os")
        blocks = os.all("acpi") if os is not None else ()
        found = [table.words for block in blocks for table in block.all("table")]
        return found + [path for argument in self.of_option("acpitable") for path in argument.paths]

    @property
    def devices(self) -> list[Device]:
        """Every device: the elements in the domain's order, then the arguments."""
        return list(self._devices.values())

    def of(self, node: Node) -> Device | None:
        """The device of an element."""
        return self._devices.get(id(node))

    def at(self, slot: Slot) -> list[Device]:
        """What sits in a slot."""
        return list(self._slots.get(slot, {}).values())

    def others(self, slot: Slot, mine: Iterator[Node] | list[Node]) -> list[Device]:
        """What else sits in a slot."""
        own = {id(node) for node in mine}
        return [device for device in self.at(slot) if device.node is None or id(device.node) not in own]

    def is_empty(self, bus: Bus) -> bool:
        """Whether nothing is known to sit on a bus."""
        return not self._on_bus.get(bus)

    def passing(self, host: Address) -> list[Device]:
        """The devices that pass a function of the host."""
        return list(self._hosts.get(host, {}).values())

    @property
    def hosts(self) -> list[Address]:
        """Every function of the host that is passed."""
        return [host for host, devices in self._hosts.items() if devices]

    @property
    def bridges(self) -> list[Device]:
        """What opens a bus."""
        return list(self._bridges.values())

    @property
    def ports(self) -> dict[int, Node]:
        """The root ports that are elements, by index."""
        return {
            bridge.behind: bridge.node
            for bridge in self._bridges.values()
            if bridge.node is not None and bridge.driver == _ROOT_PORT and isinstance(bridge.behind, int)
        }

    @property
    def indices(self) -> set[int]:
        """The indices that PCI controllers have, of whatever model."""
        return {device.index for device in self._devices.values() if device.index is not None}

    @property
    def guest_buses(self) -> dict[Bus, int]:
        """The number that the guest gives each bus: not libvirt's index, but the order of slots and functions."""
        if self._numbers is None:
            places: dict[Bus, tuple[Bus, int, int]] = {}
            for bridge in self._bridges.values():
                if bridge.place is not None and bridge.behind is not None:
                    (bus, slot), function = bridge.place
                    places.setdefault(bridge.behind, (bus, slot, function))
            self._numbers = guest_buses(places, 0)
        return self._numbers

    def bus_of(self, number: int) -> Bus | None:
        """The bus to which the guest gives a number."""
        return next((bus for bus, guest in self.guest_buses.items() if guest == number), None)

    def in_guest(self, address: Address) -> Address:
        """An address of libvirt's as the guest sees it."""
        return address.replace(bus=self.guest_buses.get(address.bus, address.bus))

    @property
    def firmware_argument(self) -> Argument | None:
        """An argument that gives the firmware, which wins over libvirt's."""
        for argument in self.of_option("bios", "pflash", "drive"):
            if argument.option != "drive" or argument.get("if") == "pflash":
                return argument
        return None

    def drive_argument(self, path: str) -> Argument | None:
        """An argument that gives the guest a file or block device as a drive."""
        for argument in self.of_option("drive", "blockdev", "hda", "hdb", "hdc", "hdd", "cdrom"):
            if path in (argument.get("file"), argument.get("filename"), argument.text, argument.get("file.filename")):
                return argument
        return None

    @property
    def has_usb(self) -> bool:
        """Whether USB devices find a bus: libvirt adds a controller, unless the domain forbids one."""
        nodes = (device.node for device in self._devices.values() if device.node is not None)
        return not any(
            node.local == "controller" and node.get("type") == "usb" and node.get("model") == "none" for node in nodes
        )

    def slots_of_arguments(self) -> set[int]:
        """The slots of bus 0 that arguments take; libvirt does not know of them when it chooses one."""
        return {device.slot for device in self._devices.values() if device.argument is not None and device.bus == 0}

    def override(self, alias: str) -> Node | None:
        """``<qemu:override>``'s block for an alias."""
        block = self._root.child("override", QEMU)
        return block.child("device", QEMU, alias=alias) if block is not None else None
