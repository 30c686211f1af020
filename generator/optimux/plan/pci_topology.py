"""The guest's PCI topology: where every device of one VM sits, who shares a slot, and behind which ports."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

from optimux.declare.kind import joined
from optimux.findings import Findings
from optimux.options.gpus import Function
from optimux.options.vm import Vm
from optimux.pci import Address, guest_buses
from optimux.plan.customs import SOUND_SLOT, USB_SLOT, is_conventional
from optimux.plan.devices import Disk, HostDevice, Placement, Rom, RootPort, settled
from optimux.plan.disks import PCI_BUSES, bus_of, last_controller
from optimux.plan.wanted import Wanted
from optimux.record import Record

# Slots of bus 0 that QEMU's q35 machine fills itself: the host bridge, and ICH9's LPC, SATA and SMBus at 1f.
BUILT_IN_SLOTS = (0x00, 0x1F)
SATA_ADDRESS = Address(0, 0, 0x1F, 2)
VIDEO_SLOT = 0x02
_PLAIN = tuple(slot for slot in range(1, 0x1F) if slot not in (0x1A, SOUND_SLOT, USB_SLOT))


class Layout:
    """The guest's PCI addresses, filled device by device; each keeps the option that asked for it."""

    def __init__(self, findings: Findings, because: Iterable[str]) -> None:
        """``because`` are the paths of all options that place devices."""
        self._findings = findings
        self._because = tuple(because)
        self._taken: dict[Address, str] = {}
        self._sources: dict[Address, str] = {}

    def take(self, path: str, address: Address | None, because: str = "") -> None:
        """Reserve an address for the option at ``path``, by itself or ``because`` of others; ``None`` is none."""
        if address is None:
            return
        if first := self._taken.get(address):
            allowed, remedy = "each guest address once", f"It is {first}'s already; move one of them."
            causes = [cause for cause in (first, because, self._sources.get(address)) if cause]
            self._findings.error(path, address, allowed, remedy, causes)
        elif address.domain or (address.bus == 0 and address.slot in BUILT_IN_SLOTS):
            allowed = "domain 0000, and not slot 00 or 1f of bus 00"
            self._findings.error(path, address, allowed, "The machine's own devices sit there.")
        elif address.bus and address.slot:
            self._findings.error(path, address, "slot 00 behind a root port", "A root port has one slot.")
        self._taken.setdefault(address, path)
        self._sources.setdefault(address, because)

    @property
    def buses(self) -> set[int]:
        """The buses behind root ports that some device needs."""
        return {address.bus for address in self._taken if address.bus}

    def placement(self, address: Address | None) -> Placement | None:
        """An address, and whether several functions are taken in its slot; ``None`` stays ``None``."""
        return None if address is None else self.placed(address)

    def placed(self, address: Address) -> Placement:
        """As ``placement``. Function 0 alone says it (PCI Local Bus 3.0 §6.2.1, Header Type)."""
        shared = sum(taken.device == address.device for taken in self._taken) > 1
        return Placement(address, address.function == 0 and shared)

    def slot_is_free(self, slot: int) -> bool:
        """Whether a slot of bus 0 is untouched."""
        return slot not in BUILT_IN_SLOTS and not any(taken.bus == 0 and taken.slot == slot for taken in self._taken)

    def check_functions(self) -> None:
        """A slot whose function 0 is empty is not found by firmware (PCI Local Bus 3.0 §3.2.2.3.4)."""
        for address, path in self._taken.items():
            if address.function and address.at_function(0) not in self._taken:
                remedy = f"Put a device at {address.at_function(0)}."
                self._findings.error(path, address, "a slot whose function 0 is there too", remedy, self._because)


class PciTopology(Record):
    """Where everything is, by address: what has none is left to libvirt, and ``ivshmem`` to QEMU."""

    root_ports: tuple[RootPort, ...]
    host_devices: tuple[HostDevice, ...]
    video: Placement | None
    ivshmem: Placement | None
    usb: Placement | None
    sound: Placement | None
    virtio_serial: Placement | None
    watchdog: Placement | None
    sata: tuple[Placement | None, ...]
    scsi_controllers: int
    disks: tuple[Placement | None, ...]
    networks: tuple[Placement | None, ...]
    inputs: tuple[Placement | None, ...]


def pci_topology(wanted: Wanted, resolved: Sequence[Disk]) -> PciTopology:
    """Lay the guest out: the user's addresses first, then what must be somewhere, then the root ports for all."""
    vm = wanted.vm
    layout = Layout(wanted.findings, _placing(wanted))
    if vm.pci.gpu.function:
        wanted.error("pci.gpu", vm.pci.gpu, "an address of function 0", f"Write {vm.pci.gpu.at_function(0)}.")
    functions = _functions(wanted, layout)
    single = _single_devices(wanted)
    lists = _listed_devices(wanted)
    for key, address in single.items():
        layout.take(f"{wanted.path}.{key}", address)
    for key, addresses in lists.items():
        for index, address in enumerate(addresses):
            layout.take(f"{wanted.path}.{key}[{index}].address", address)
    others = _other_devices(wanted, layout)
    layout.check_functions()
    video = _video(wanted, layout)
    scsi = last_controller(resolved, "scsi") + 1
    _settle_chipset(wanted, layout, single, scsi)
    if functions or others:
        _settle_conventional(wanted, layout, single, lists)
    sata = _sata(wanted, layout, last_controller(resolved, "sata"))
    _check_argument(wanted)
    devices = tuple(_host_device(wanted, function, guest, layout) for function, guest in (*functions, *others))
    return PciTopology(
        root_ports=_root_ports(wanted, layout, scsi),
        host_devices=devices,
        video=layout.placement(video),
        ivshmem=layout.placement(single["pci.ivshmem"]),
        usb=layout.placement(single["usb.address"]),
        sound=layout.placement(single["sound.address"]),
        virtio_serial=layout.placement(single["virtioSerialAddress"]),
        watchdog=layout.placement(single.get("watchdog")),
        sata=sata,
        scsi_controllers=scsi,
        **{key: tuple(map(layout.placement, addresses)) for key, addresses in lists.items()},
    )


def _single_devices(wanted: Wanted) -> dict[str, Address | None]:
    """The stated address of each device that there is once, by its key; of those that are there."""
    vm = wanted.vm
    return {
        "pci.ivshmem": vm.pci.ivshmem if wanted.shared_memory else None,
        "video.address": vm.video.address if vm.video.model != "none" else None,
        "usb.address": vm.usb.address if vm.usb.model != "none" else None,
        "sound.address": vm.sound.address if vm.sound.model != "none" else None,
        "virtioSerialAddress": vm.virtio_serial_address if vm.channels else None,
    }


def _listed_devices(wanted: Wanted) -> dict[str, tuple[Address | None, ...]]:
    vm = wanted.vm
    return {
        "disks": tuple(disk.address for disk in vm.disks),
        "networks": tuple(network.address for network in vm.networks),
        "inputs": tuple(item.address for item in vm.inputs),
    }


def _functions(wanted: Wanted, layout: Layout) -> list[tuple[Function, Address]]:
    """The card's passed functions: function N of the host at function N of the guest's slot.

    The lowest goes to function 0 where no other does, as a virtual function that is given alone: nothing is found in
    a slot without one.
    """
    functions = wanted.gpu.functions if wanted.gpu else ()
    passed = [(index, function) for index, function in enumerate(functions) if function.pass_through]
    numbers = [function.address.function for _, function in passed if function.guest_address is None]
    lowest = min(numbers, default=0)
    placed = []
    for index, function in passed:
        number = function.address.function if function.address.function != lowest else 0
        guest = function.guest_address or wanted.vm.pci.gpu.at_function(number)
        entry = f"{joined('gpus', wanted.vm.gpu or '')}.functions[{index}]"
        own = f"{entry}.guestAddress" if function.guest_address else f"{wanted.path}.pci.gpu"
        layout.take(own, guest, entry)
        placed.append((function, guest))
    return placed


def _other_devices(wanted: Wanted, layout: Layout) -> list[tuple[Function, Address]]:
    """Each behind the next unused root port, unless it has an address."""
    placed = []
    for index, function in enumerate(wanted.gpu.other_devices if wanted.gpu else ()):
        if function.pass_through:
            guest = function.guest_address or Address(0, max(layout.buses, default=0) + 1, 0, 0)
            layout.take(f"{joined('gpus', wanted.vm.gpu or '')}.otherDevices[{index}].guestAddress", guest)
            placed.append((function, guest))
    return placed


def _video(wanted: Wanted, layout: Layout) -> Address | None:
    """The display's stated address, else 00:02.0, unless something or the root ports are there."""
    if wanted.vm.video.address or wanted.vm.video.model == "none":
        return wanted.vm.video.address
    return _beside_the_ports(wanted, layout, "video.address", (VIDEO_SLOT, *range(1, 0x1F)))


def _beside_the_ports(wanted: Wanted, layout: Layout, key: str, slots: Iterable[int]) -> Address | None:
    """The first of some slots of bus 0 that nobody has and that the root ports leave, taken for a key."""
    pci = wanted.vm.pci
    first = pci.first_root_port.slot
    ports = pci.root_ports or max(layout.buses, default=0)
    reserved = range(first, first + (pci.first_root_port.function + ports + 7) // 8)
    slot = next((slot for slot in slots if layout.slot_is_free(slot) and slot not in reserved), None)
    address = None if slot is None else Address(0, 0, slot, 0)
    layout.take(f"{wanted.path}.{key}", address)
    return address


def _sata(wanted: Wanted, layout: Layout, last: int) -> tuple[Placement | None, ...]:
    """ICH9's own controller, and one on bus 0 for each six disks more: libvirt's bridge for those would take a bus."""
    if last < 0:
        return ()
    more = [_beside_the_ports(wanted, layout, f"disks (SATA controller {n})", _PLAIN) for n in range(1, last + 1)]
    return (Placement(SATA_ADDRESS), *(layout.placement(address) for address in more))


def _settle_chipset(wanted: Wanted, layout: Layout, single: dict[str, Address | None], scsi: int) -> None:
    """ICH9's own devices where libvirt's custom would fail them.

    Those are sound whose slot something or a root port has, and EHCI: libvirt puts it at function 7 of a slot of its
    bridge, where firmware finds nothing without a function 0.
    """
    vm = wanted.vm
    if vm.sound.model == "ich9" and single["sound.address"] is None:
        ports = (vm.pci.root_ports or max(layout.buses, default=0)) + _unplaced(vm, scsi)
        free = (slot for slot in range(vm.pci.first_root_port.slot, 0x1F) if layout.slot_is_free(slot))
        if SOUND_SLOT in islice(free, (ports + 7) // 8) or not layout.slot_is_free(SOUND_SLOT):
            single["sound.address"] = _beside_the_ports(wanted, layout, "sound.address", _PLAIN)
    if single["usb.address"] is None and is_conventional("usb", vm.usb.model):
        single["usb.address"] = _beside_the_ports(wanted, layout, "usb.address", (USB_SLOT, *_PLAIN))


def _argument(wanted: Wanted) -> Address | None:
    """Where kvmfr's device is planned: one of an argument, whose place libvirt does not see and may give away."""
    memory = wanted.shared_memory
    return wanted.vm.pci.ivshmem if memory is not None and memory.kind == "kvmfr" else None


def _check_argument(wanted: Wanted) -> None:
    """libvirt puts another device behind a root port that it sees nothing behind."""
    address = _argument(wanted)
    if address is not None and address.bus:
        allowed, remedy = "an address of bus 00, with kvmfr memory", "Choose a free slot, such as 0000:00:10.0."
        wanted.error("pci.ivshmem", address, allowed, remedy, ["lookingGlass.memory"])


def _settle_conventional(
    wanted: Wanted, layout: Layout, single: dict[str, Address | None], lists: dict[str, tuple[Address | None, ...]]
) -> None:
    """A place on bus 0 for each device of conventional PCI that has none: the card keeps its bus."""
    vm = wanted.vm
    if single["sound.address"] is None and is_conventional("sound", vm.sound.model):
        single["sound.address"] = _beside_the_ports(wanted, layout, "sound.address", _PLAIN)
    if vm.watchdog is not None and is_conventional("watchdog", vm.watchdog.model):
        single["watchdog"] = _beside_the_ports(wanted, layout, "watchdog", _PLAIN)
    if wanted.shared_memory and wanted.shared_memory.kind == "shm" and single["pci.ivshmem"] is None:
        single["pci.ivshmem"] = _beside_the_ports(wanted, layout, "pci.ivshmem", _PLAIN)
    cards = zip(vm.networks, lists["networks"], strict=True)
    lists["networks"] = tuple(
        _beside_the_ports(wanted, layout, f"networks[{index}].address", _PLAIN)
        if address is None and is_conventional("interface", network.model)
        else address
        for index, (network, address) in enumerate(cards)
    )


def _host_device(wanted: Wanted, function: Function, guest: Address, layout: Layout) -> HostDevice:
    gpu = wanted.gpu
    first = gpu is not None and function is gpu.functions[0]
    return HostDevice(
        placement=layout.placed(guest),
        source=function.address,
        rom=settled(Rom, gpu.rom) if gpu and first and (gpu.rom.bar or gpu.rom.file) else None,
        alias="ua-gpu" if gpu and first and gpu.subsystem_ids else None,
        iommufd=wanted.vm.iommufd,
        managed=gpu is None or gpu.bind != "on-demand",
        stated=function.guest_address is not None,
    )


def _placing(wanted: Wanted) -> list[str]:
    """Every option by which the guest's layout is judged, and no more: one that cannot be read hides the complaint."""
    vm, card = wanted.vm, joined("gpus", wanted.vm.gpu or "")
    keys = ["gpu", "virtioSerialAddress", "lookingGlass.enable", "lookingGlass.memory"]
    keys += ["video.model", "video.address", "usb.model", "usb.address", "sound.address"]
    keys += [f"pci.{key}" for key in ("gpu", "firstRootPort", "rootPorts", "ivshmem")]
    for disk in range(len(vm.disks)):
        keys += [f"disks[{disk}].{key}" for key in ("bus", "device", "address", "driveAddress", "target")]
    keys += [f"networks[{network}].{key}" for network in range(len(vm.networks)) for key in ("model", "address")]
    keys += [f"inputs[{item}].{key}" for item in range(len(vm.inputs)) for key in ("bus", "address")]
    shared = ("lookingGlass.enable", "lookingGlass.memory", f"{card}.functions", f"{card}.otherDevices")
    return [*shared, *(f"{wanted.path}.{key}" for key in keys)]


def _root_ports(wanted: Wanted, layout: Layout, scsi: int) -> tuple[RootPort, ...]:
    """The root ports for every bus in use: consecutive functions from ``pci.firstRootPort``, free slots only."""
    vm = wanted.vm
    first = vm.pci.first_root_port
    needed, allowed = max(layout.buses, default=0), "the highest bus in use"
    every = needed + _unplaced(vm, scsi)
    if needed and any(layout.slot_is_free(slot) for slot in range(1, first.slot)):
        # libvirt's own ports would come first, in those slots, and take the numbers.
        needed, allowed = every, "ports for every device, as libvirt would put its own before these"
    elif _reaches_argument(wanted, layout, every):
        needed, allowed = every, "ports for every device, as libvirt would put its own at pci.ivshmem"
    count = needed if vm.pci.root_ports is None else vm.pci.root_ports
    if count < needed:
        remedy = f"Raise it to {needed}, or leave it out."
        wanted.error("pci.rootPorts", count, f"at least {needed}, {allowed}", remedy, _placing(wanted))
    if first.domain or first.bus or first.function:
        allowed = "an address of bus 00 and function 0"
        wanted.error("pci.firstRootPort", first, allowed, f"Write {Address(0, 0, first.slot, 0)}.")
    free = (slot for slot in range(first.slot, 0x1F) if layout.slot_is_free(slot))
    places = tuple(islice((Address(0, 0, slot, function) for slot in free for function in range(8)), count))
    if len(places) < count:
        found = f"room for {len(places)} ports"
        because = ["pci.rootPorts", *_placing(wanted)]
        wanted.error("pci.firstRootPort", found, f"room for {count}", "Start at a lower slot.", because)
    numbers = guest_buses({index: (0, at.slot, at.function) for index, at in enumerate(places, 1)}, 0)
    return tuple(
        RootPort(placement=Placement(address, address.function == 0), index=index, guest_bus=numbers[index])
        for index, address in enumerate(places, 1)
    )


def _reaches_argument(wanted: Wanted, layout: Layout, count: int) -> bool:
    """Whether so many ports, in the lowest free slots as libvirt puts them, take that of kvmfr's device."""
    address = _argument(wanted)
    if address is None:
        return False
    return count > 8 * sum(layout.slot_is_free(slot) for slot in range(1, address.slot))


def _unplaced(vm: Vm, scsi: int) -> int:
    """How many devices libvirt puts behind root ports: those of PCI Express without an address."""
    each = (
        *(disk.address for disk in vm.disks if bus_of(disk) in PCI_BUSES),
        *(network.address for network in vm.networks if not is_conventional("interface", network.model)),
        *(item.address for item in vm.inputs if item.bus == "virtio"),
    )
    lone = (
        vm.usb.model.endswith("xhci") and vm.usb.address is None,
        bool(vm.channels) and vm.virtio_serial_address is None,
        vm.sound.model == "virtio" and vm.sound.address is None,
        vm.memballoon,
    )
    return each.count(None) + sum(lone) + scsi
