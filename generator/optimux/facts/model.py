"""The frozen model of a host, and its JSON. Every fact may be missing: then nothing is concluded from it."""

from __future__ import annotations

from optimux.declare import Bool, Choice, Declared, Int, ListOf, Table, Text, option
from optimux.declare.values import ADDRESS, MODULE, PCI_ID, SIZE, TEXT, VERSION
from optimux.errors import InvalidInput, Problem
from optimux.files import read_json
from optimux.pci import Address


class PciDevice(Declared):
    address = option("address", ADDRESS, doc="Where it sits.")
    id = option("id", PCI_ID, doc="Its vendor and device id.")
    pci_class = option("class", Text("[0-9a-fA-F]{4}", "four hexadecimal digits"), doc="Base class and subclass.")
    subsystem_id = option("subsystemId", PCI_ID, None, doc="Its subsystem vendor and device id.")
    driver = option("driver", MODULE, None, doc="The driver that it is bound to.")
    modules = option("modules", ListOf(MODULE), (), doc="The kernel modules that its alias names.")
    iommu_group = option("iommuGroup", Int(), None, doc="Its IOMMU group.")
    boot_vga = option("bootVga", Bool(), False, doc="Whether firmware used it for the boot console.")
    name = option("name", TEXT, None, doc="Its name in pci.ids.")

    @property
    def is_bridge(self) -> bool:
        """Class 06: VFIO does not mind bridges in a group."""
        return self.pci_class.startswith("06")


class CpuFacts(Declared):
    vendor = option("vendor", Choice("intel", "amd"), None, doc="The CPU's vendor.")
    model = option("model", TEXT, None, doc="The CPU's name.")
    threads = option("threads", Int(1, 1 << 14), None, doc="Logical CPUs, numbered from 0.")
    physical_bits = option("physicalBits", Int(32, 64), None, doc="Width of physical addresses.")
    iommu_bits = option("iommuBits", Int(32, 64), None, doc="Width of the IOMMU's addresses.")


class Facts(Declared):
    distribution = option("distribution", Choice("nixos", "arch", "debian", "fedora"), None, doc="The distribution.")
    kernel_version = option("kernelVersion", VERSION, None, doc="The running kernel.")
    libvirt_version = option("libvirtVersion", VERSION, None, doc="The installed libvirt.")
    qemu_version = option("qemuVersion", VERSION, None, doc="The installed QEMU.")
    security_module = option("securityModule", Choice("apparmor", "selinux", "none"), None, doc="What confines QEMU.")
    cpu = option("cpu", Table(CpuFacts), CpuFacts(), doc="The CPU.")
    memory = option("memory", SIZE, None, doc="The host's memory.")
    devices = option("devices", ListOf(Table(PciDevice)), (), doc="PCI devices.")

    def device(self, address: Address) -> PciDevice | None:
        """The device at an address, if it is known."""
        return next((device for device in self.devices if device.address == address), None)


def load_facts(path: str) -> Facts:
    """Read a facts file. Raises ``InvalidInput`` with every problem."""
    problems: list[Problem] = []
    facts = Table(Facts).load(read_json(path), "facts", problems)
    if problems:
        raise InvalidInput(problems)
    return facts
