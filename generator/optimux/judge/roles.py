"""Which display device is part of the processor, which is a card, and what a card consists of."""

from __future__ import annotations

from typing import Literal

from optimux.facts import Facts, PciDevice

Role = Literal["integrated", "discrete"]
INTEL, AMD, NVIDIA = 0x8086, 0x1002, 0x10DE
# AMD's own side of its processors: the functions beside an integrated GPU's display are 1022's, one is the PSP (1080).
AMD_PLATFORM = 0x1022
# Displays of hypervisors: QEMU's bochs and QXL, virtio, VMware, VirtualBox, Hyper-V, Cirrus.
EMULATED = (0x1234, 0x1B36, 0x1AF4, 0x15AD, 0x80EE, 0x1414, 0x1013)

# Displays of a server's management controller: ASPEED's, and Matrox' G200 in its server editions.
ASPEED, MATROX = 0x1A03, 0x102B
G200_SERVER = (0x0522, 0x0532, 0x0533, 0x0534, 0x0536, 0x0538)


def displays(facts: Facts) -> tuple[PciDevice, ...]:
    """Every display device."""
    return tuple(device for device in facts.devices if device.is_display)


def is_virtual(device: PciDevice) -> bool:
    """Whether it is a virtual function of SR-IOV."""
    return device.sriov is not None and device.sriov.role == "virtual"


def is_integrated(facts: Facts, device: PciDevice) -> bool:
    """Whether a display device is part of the processor, or stands in for one in a virtual machine.

    A server's management controller shows the host's console, and counts as such too. A virtual function of an
    integrated GPU does not: it is made to be given away.
    """
    if is_virtual(device):
        return False
    vendor = device.id.vendor
    if vendor == ASPEED or (vendor == MATROX and device.id.device in G200_SERVER):
        return True
    if vendor == INTEL or vendor in EMULATED:
        return device.address.bus == 0
    if vendor == AMD:
        beside = [other for other in facts.slot(device.address) if other.id.vendor == AMD_PLATFORM]
        return device.address.bus == 0 or any(other.pci_class in ("1080", "0c03") for other in beside)
    return False


def role_of(facts: Facts, device: PciDevice) -> Role:
    """Whether it is part of the processor, or a card."""
    return "integrated" if is_integrated(facts, device) else "discrete"


def functions_of(facts: Facts, device: PciDevice) -> tuple[PciDevice, ...]:
    """The functions that go with a display device: those of its slot. A virtual function goes alone."""
    if is_virtual(device):
        return (device,)
    return tuple(other for other in facts.slot(device.address) if not is_virtual(other))


def group_mates(facts: Facts, device: PciDevice) -> tuple[PciDevice, ...]:
    """What shares an IOMMU group with one of the card's functions, the card and bridges left out."""
    own = functions_of(facts, device)
    groups = {function.iommu_group for function in own} - {None}
    addresses = {function.address for function in own}
    return tuple(
        other
        for other in facts.devices
        if other.iommu_group in groups and other.address not in addresses and not other.is_bridge
    )


# What a host can do without: card readers, FireWire, InfiniBand, accelerators, instrumentation.
SPARE_CLASSES = ("ff00", "0805", "0c00", "0c06", "1200", "1300")


def host_needs(facts: Facts, device: PciDevice, given: tuple[PciDevice, ...]) -> bool:
    """Whether the host cannot do without a device, when ``given`` go to a guest."""
    if device.pci_class in SPARE_CLASSES:
        return False
    if device.is_display:
        gone = {other.address for other in (*given, device)}
        return all(other.address in gone for other in displays(facts))
    if device.pci_class.startswith("01"):
        own = [disk for disk in facts.disks if disk.controller == device.address]
        return not own or any(disk.in_use for disk in own)
    # The sound of another display device is worth as much as that device.
    beside = [other for other in facts.slot(device.address) if other.is_display]
    if device.pci_class == "0403" and beside:
        return host_needs(facts, beside[0], given)
    return True


def label(device: PciDevice) -> str:
    """A device in words: its address, and its name or id."""
    return f"{device.address} ({device.name or device.id})"


# Red Hat's QEMU, and its rebuilds': built without SPICE and without ivshmem-plain.
WITHOUT_SPICE = ("rhel", "centos", "rocky", "almalinux", "ol")


def has_spice(facts: Facts) -> bool:
    """Whether the distribution's QEMU can show a guest by SPICE, and share memory with it, as Looking Glass needs."""
    return facts.os.id not in WITHOUT_SPICE


def by_mux(facts: Facts, otherwise: str) -> str:
    """What brings the screen to the integrated GPU: the machine's own switch for it, where it has one."""
    if not facts.mux:
        return otherwise
    return f"Run `echo 1 | sudo tee {facts.mux.source}` and reboot: then the integrated GPU drives the screen."
