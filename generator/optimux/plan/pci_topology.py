"""The guest's PCI topology: where the GPU, the display and everything else of one VM sit, and behind which ports."""

from __future__ import annotations

from optimux.findings import Findings
from optimux.options.gpus import Function
from optimux.pci import Address
from optimux.plan.model import HostDevice, RootPort
from optimux.plan.wanted import Wanted
from optimux.record import Record

# Slots of bus 0 that QEMU's q35 machine fills itself: the host bridge, and ICH9's LPC, SATA and SMBus at 1f.
BUILT_IN_SLOTS = (0x00, 0x1F)
VIDEO_SLOT = 0x02


class Layout:
    """The guest's PCI addresses, filled device by device; each keeps the option that asked for it."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._taken: dict[Address, str] = {}

    def take(self, path: str, address: Address | None) -> None:
        """Reserve an address for the option at ``path``; ``None`` reserves nothing."""
        if address is None:
            return
        if first := self._taken.get(address):
            allowed, remedy = "each guest address once", f"It is {first}'s already; move one of them."
            self._findings.error(path, address, allowed, remedy)
        elif address.domain or (address.bus == 0 and address.slot in BUILT_IN_SLOTS):
            allowed = "domain 0000, and not slot 00 or 1f of bus 00"
            self._findings.error(path, address, allowed, "The machine's own devices sit there.")
        elif address.bus and address.slot:
            self._findings.error(path, address, "slot 00 behind a root port", "A root port has one slot.")
        self._taken.setdefault(address, path)

    @property
    def buses(self) -> set[int]:
        """The buses behind root ports that some device needs."""
        return {address.bus for address in self._taken if address.bus}

    def is_shared(self, address: Address) -> bool:
        """Whether several functions are taken in the slot."""
        return sum(taken.device == address.device for taken in self._taken) > 1

    def slot_is_free(self, slot: int) -> bool:
        """Whether a slot of bus 0 is untouched."""
        return slot not in BUILT_IN_SLOTS and not any(taken.bus == 0 and taken.slot == slot for taken in self._taken)

    def check_functions(self) -> None:
        """A slot whose function 0 is empty is not found by firmware (PCI Local Bus 3.0 §3.2.2.3.4)."""
        for address, path in self._taken.items():
            if address.function and address.at_function(0) not in self._taken:
                remedy = f"Put a device at {address.at_function(0)}."
                self._findings.error(path, address, "a slot whose function 0 is there too", remedy)


class Places(Record):
    """The guest's PCI layout, as far as it is planned."""

    host_devices: tuple[HostDevice, ...]
    video: Address | None
    root_ports: tuple[RootPort, ...]


def place(wanted: Wanted) -> Places:
    """Lay the guest out: the user's addresses first, then what must be somewhere, then the root ports for all."""
    vm = wanted.vm
    layout = Layout(wanted.findings)
    if vm.pci.gpu.function:
        wanted.error("pci.gpu", vm.pci.gpu, "an address of function 0", f"Write {vm.pci.gpu.at_function(0)}.")
    functions = _functions(wanted, layout)
    layout.take(f"{wanted.path}.pci.ivshmem", vm.pci.ivshmem if wanted.shared_memory else None)
    for path, explicit in _explicit_addresses(wanted):
        layout.take(path, explicit)
    others = _other_devices(wanted, layout)
    layout.check_functions()
    video = vm.video.address
    if video is None and vm.video.model != "none":
        video = _free_video_slot(wanted, layout)
        layout.take(f"{wanted.path}.video.address", video)
    devices = tuple(_host_device(wanted, function, guest, layout) for function, guest in (*functions, *others))
    return Places(devices, video, _root_ports(wanted, layout))


def _functions(wanted: Wanted, layout: Layout) -> list[tuple[Function, Address]]:
    """The card's passed functions: function N of the host at function N of the guest's slot."""
    placed = []
    for index, function in enumerate(wanted.gpu.functions if wanted.gpu else ()):
        if function.pass_through:
            guest = function.guest_address or wanted.vm.pci.gpu.at_function(function.address.function)
            own = f"gpus.{wanted.vm.gpu}.functions[{index}].guestAddress"
            layout.take(own if function.guest_address else f"{wanted.path}.pci.gpu", guest)
            placed.append((function, guest))
    return placed


def _other_devices(wanted: Wanted, layout: Layout) -> list[tuple[Function, Address]]:
    """Each behind the next unused root port, unless it has an address."""
    placed = []
    for index, function in enumerate(wanted.gpu.other_devices if wanted.gpu else ()):
        if function.pass_through:
            guest = function.guest_address or Address(0, max(layout.buses, default=0) + 1, 0, 0)
            layout.take(f"gpus.{wanted.vm.gpu}.otherDevices[{index}].guestAddress", guest)
            placed.append((function, guest))
    return placed


def _free_video_slot(wanted: Wanted, layout: Layout) -> Address | None:
    """00:02.0, unless something or the root ports are there."""
    pci = wanted.vm.pci
    first = pci.first_root_port.slot
    ports = pci.root_ports or max(layout.buses, default=0)
    slots = range(first, first + (pci.first_root_port.function + ports + 7) // 8)
    free = (slot for slot in (VIDEO_SLOT, *range(1, 0x1F)) if layout.slot_is_free(slot) and slot not in slots)
    slot = next(free, None)
    return None if slot is None else Address(0, 0, slot, 0)


def _host_device(wanted: Wanted, function: Function, guest: Address, layout: Layout) -> HostDevice:
    gpu = wanted.gpu
    first = gpu is not None and function is gpu.functions[0]
    return HostDevice(
        source=function.address,
        guest=guest,
        multifunction=guest.function == 0 and layout.is_shared(guest),
        rom=gpu.rom if gpu and first and (gpu.rom.bar or gpu.rom.file) else None,
        alias="ua-gpu" if gpu and first and gpu.subsystem_ids else None,
        iommufd=wanted.vm.iommufd,
    )


def _explicit_addresses(wanted: Wanted) -> list[tuple[str, Address | None]]:
    """Every guest address that the user wrote, beside the GPU's and the shared memory's."""
    vm, path = wanted.vm, wanted.path
    found: list[tuple[str, Address | None]] = [
        (f"{path}.video.address", vm.video.address if vm.video.model != "none" else None),
        (f"{path}.usb.address", vm.usb.address if vm.usb.model != "none" else None),
        (f"{path}.sound.address", vm.sound.address if vm.sound.model != "none" else None),
        (f"{path}.virtioSerialAddress", vm.virtio_serial_address),
    ]
    found += [(f"{path}.disks[{index}].address", disk.address) for index, disk in enumerate(vm.disks)]
    found += [(f"{path}.networks[{index}].address", network.address) for index, network in enumerate(vm.networks)]
    found += [(f"{path}.inputs[{index}].address", item.address) for index, item in enumerate(vm.inputs)]
    return found


def _root_ports(wanted: Wanted, layout: Layout) -> tuple[RootPort, ...]:
    """The root ports for every bus in use: consecutive functions from ``pci.firstRootPort``, free slots only."""
    vm = wanted.vm
    needed = max(layout.buses, default=0)
    count = needed if vm.pci.root_ports is None else vm.pci.root_ports
    if count < needed:
        remedy = f"Raise it to {needed}, or leave it out."
        wanted.error("pci.rootPorts", count, f"at least {needed}, the highest bus in use", remedy)
    ports: list[RootPort] = []
    first = vm.pci.first_root_port
    for slot in range(first.slot, 0x1F):
        if not layout.slot_is_free(slot):
            continue
        for function in range(first.function if slot == first.slot else 0, 8):
            if len(ports) == count:
                return tuple(ports)
            ports.append(RootPort(len(ports) + 1, Address(0, 0, slot, function), function == 0))
    if len(ports) < count:
        found = f"room for {len(ports)} ports"
        wanted.error("pci.firstRootPort", found, f"room for {count}", "Start at a lower slot.")
    return tuple(ports)
