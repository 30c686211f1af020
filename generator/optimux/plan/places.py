"""Where the GPU, the emulated display and everything else of one VM sit in the guest."""

from __future__ import annotations

from optimux.options.gpus import Function
from optimux.pci import Address
from optimux.plan.model import HostDevice, RootPort
from optimux.plan.placement import Layout, explicit_addresses, root_ports
from optimux.plan.wanted import Wanted
from optimux.record import Record

VIDEO_SLOT = 0x02


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
    layout.take(f"{wanted.path}.pci.ivshmem", vm.pci.ivshmem if wanted.memory else None)
    for path, explicit in explicit_addresses(wanted):
        layout.take(path, explicit)
    others = _other_devices(wanted, layout)
    layout.check_functions()
    video = vm.video.address
    if video is None and vm.video.model != "none":
        video = _free_video_slot(wanted, layout)
        layout.take(f"{wanted.path}.video.address", video)
    devices = tuple(_host_device(wanted, function, guest, layout) for function, guest in (*functions, *others))
    return Places(devices, video, root_ports(wanted, layout))


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
