"""Which display device is part of the processor, which is a card, and what a card consists of."""

from __future__ import annotations

from optimux.facts import Facts, PciDevice

INTEL, AMD, NVIDIA = 0x8086, 0x1002, 0x10DE
# AMD's own side of its processors: the functions beside an integrated GPU's display are 1022's, one is the PSP (1080).
AMD_PLATFORM = 0x1022
# Displays of hypervisors: QEMU's bochs and QXL, virtio, VMware, VirtualBox, Hyper-V, Cirrus.
EMULATED = (0x1234, 0x1B36, 0x1AF4, 0x15AD, 0x80EE, 0x1414, 0x1013)


def displays(facts: Facts) -> tuple[PciDevice, ...]:
    """Every display device."""
    return tuple(device for device in facts.devices if device.is_display)


def is_integrated(facts: Facts, device: PciDevice) -> bool:
    """Whether a display device is part of the processor, or stands in for one in a virtual machine."""
    vendor = device.id.vendor
    if vendor == INTEL or vendor in EMULATED:
        return device.address.bus == 0
    if vendor == AMD:
        beside = [other for other in facts.slot(device.address) if other.id.vendor == AMD_PLATFORM]
        return device.address.bus == 0 or any(other.pci_class in ("1080", "0c03") for other in beside)
    return False


def role_of(facts: Facts, device: PciDevice) -> str:
    """``integrated`` or ``discrete``."""
    return "integrated" if is_integrated(facts, device) else "discrete"


def functions_of(facts: Facts, device: PciDevice) -> tuple[PciDevice, ...]:
    """The functions that go with a display device: those of its slot. A virtual function goes alone."""
    if device.sriov and device.sriov.role == "virtual":
        return (device,)
    return tuple(other for other in facts.slot(device.address) if not (other.sriov and other.sriov.role == "virtual"))


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
