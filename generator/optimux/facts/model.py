"""The frozen model of a host, and its JSON. Every fact may be missing: then nothing is concluded from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optimux.declare import Bool, Declared, Int, ListOf, Table, Text, option
from optimux.declare.values import (
    ADDRESS,
    CPU_VENDOR,
    DISTRIBUTION,
    MODULE,
    PCI_ID,
    SECURITY_MODULE,
    SIZE,
    TEXT,
    VERSION,
)
from optimux.files.documents import read_json
from optimux.findings import Findings
from optimux.pci import Address

if TYPE_CHECKING:
    from optimux.declare.values import CpuVendor, Distribution, SecurityModule
    from optimux.pci import Id
    from optimux.sizes import Size
    from optimux.version import Version


class PciDevice(Declared):
    address: Address = option("address", ADDRESS, doc="Where it sits.", example="0000:01:00.0")
    id: Id = option("id", PCI_ID, doc="Its vendor and device id.", example="10de:249d")
    pci_class: str = option(
        "class", Text("[0-9a-fA-F]{4}", "four hexadecimal digits"), doc="Base class and subclass.", example="0300"
    )
    subsystem_id: Id | None = option("subsystemId", PCI_ID, default=None, doc="Its subsystem vendor and device id.")
    driver: str | None = option("driver", MODULE, default=None, doc="The driver that it is bound to.")
    modules: tuple[str, ...] = option(
        "modules", ListOf(MODULE), default=(), doc="The kernel modules that its alias names."
    )
    iommu_group: int | None = option("iommuGroup", Int(), default=None, doc="Its IOMMU group.")
    boot_vga: bool = option("bootVga", Bool(), default=False, doc="Whether firmware used it for the boot console.")
    name: str | None = option("name", TEXT, default=None, doc="Its name in pci.ids.")

    @property
    def is_bridge(self) -> bool:
        """Class 06: VFIO does not mind bridges in a group."""
        return self.pci_class.startswith("06")


class CpuFacts(Declared):
    vendor: CpuVendor | None = option("vendor", CPU_VENDOR, default=None, doc="The CPU's vendor.")
    model: str | None = option("model", TEXT, default=None, doc="The CPU's name.")
    threads: int | None = option("threads", Int(1, 1 << 14), default=None, doc="Logical CPUs, numbered from 0.")
    physical_bits: int | None = option("physicalBits", Int(32, 64), default=None, doc="Width of physical addresses.")
    iommu_bits: int | None = option("iommuBits", Int(32, 64), default=None, doc="Width of the IOMMU's addresses.")


class Facts(Declared):
    distribution: Distribution | None = option("distribution", DISTRIBUTION, default=None, doc="The distribution.")
    kernel_version: Version | None = option("kernelVersion", VERSION, default=None, doc="The running kernel.")
    libvirt_version: Version | None = option("libvirtVersion", VERSION, default=None, doc="The installed libvirt.")
    qemu_version: Version | None = option("qemuVersion", VERSION, default=None, doc="The installed QEMU.")
    security_module: SecurityModule | None = option(
        "securityModule", SECURITY_MODULE, default=None, doc="What confines QEMU."
    )
    cpu: CpuFacts = option("cpu", Table(CpuFacts), default=CpuFacts(), doc="The CPU.")
    memory: Size | None = option("memory", SIZE, default=None, doc="The host's memory.")
    devices: tuple[PciDevice, ...] = option("devices", ListOf(Table(PciDevice)), default=(), doc="PCI devices.")

    def device(self, address: Address) -> PciDevice | None:
        """The device at an address, if it is known."""
        return next((device for device in self.devices if device.address == address), None)


def facts_from(data: Any, findings: Findings) -> Facts:
    """What could be loaded of plain data; the rest becomes problems, by the path ``facts``."""
    loaded = Table(Facts).load(data, "facts", findings)
    return loaded if isinstance(loaded, Facts) else Facts()


def load_facts(path: str) -> Facts:
    """Read a facts file. Raises ``InvalidInput`` with every problem."""
    findings = Findings()
    facts = facts_from(read_json(path), findings)
    findings.refuse()
    return facts
