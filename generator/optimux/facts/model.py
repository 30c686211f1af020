"""The frozen model of a host, and its JSON. Every fact may be missing: then nothing is concluded from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from optimux.declare import Declared, ListOf, Table, option
from optimux.declare.values import DISTRIBUTION, SECURITY_MODULE, SIZE, TEXT, USER, VERSION
from optimux.facts.devices import Connector, Disk, InputDevice, Mux, PciDevice, UsbDevice
from optimux.facts.host import CpuFacts, HugepageFacts, IommuFacts, Machine, Unseen, UserFacts
from optimux.facts.software import (
    BootFacts,
    FirmwareFacts,
    KvmfrFacts,
    Os,
    SecurityFacts,
    Seen,
    SessionFacts,
)
from optimux.files.documents import read_json
from optimux.findings import Findings

if TYPE_CHECKING:
    from optimux.declare.values import Distribution, SecurityModule
    from optimux.pci import Address
    from optimux.sizes import Size
    from optimux.version import Version


class Facts(Declared):
    distribution: Distribution | None = option("distribution", DISTRIBUTION, default=None, doc="The distribution.")
    kernel_version: Version | None = option("kernelVersion", VERSION, default=None, doc="The running kernel.")
    libvirt_version: Version | None = option("libvirtVersion", VERSION, default=None, doc="The installed libvirt.")
    qemu_version: Version | None = option("qemuVersion", VERSION, default=None, doc="The installed QEMU.")
    security_module: SecurityModule | None = option(
        "securityModule", SECURITY_MODULE, default=None, doc="What confines QEMU."
    )
    machine: Machine = option("machine", Table(Machine), default=Machine(), doc="The machine as a whole.")
    cpu: CpuFacts = option("cpu", Table(CpuFacts), default=CpuFacts(), doc="The CPU.")
    memory: Size | None = option("memory", SIZE, default=None, doc="The host's memory.")
    hugepages: tuple[HugepageFacts, ...] = option(
        "hugepages", ListOf(Table(HugepageFacts)), default=(), doc="Huge pages, by size."
    )
    iommu: IommuFacts = option("iommu", Table(IommuFacts), default=IommuFacts(), doc="The IOMMU.")
    kernel_params: tuple[str, ...] = option(
        "kernelParams", ListOf(TEXT), default=(), doc="The words of the kernel's command line."
    )
    devices: tuple[PciDevice, ...] = option("devices", ListOf(Table(PciDevice)), default=(), doc="PCI devices.")
    connectors: tuple[Connector, ...] = option(
        "connectors", ListOf(Table(Connector)), default=(), doc="What the display drivers list as outputs."
    )
    mux: Mux | None = option(
        "mux", Table(Mux), default=None, doc="The switch between the GPUs and the built-in screen, where one is seen."
    )
    inputs: tuple[InputDevice, ...] = option(
        "inputs", ListOf(Table(InputDevice)), default=(), doc="Keyboards, mice and touchpads."
    )
    usb: tuple[UsbDevice, ...] = option("usb", ListOf(Table(UsbDevice)), default=(), doc="USB devices, hubs left out.")
    disks: tuple[Disk, ...] = option("disks", ListOf(Table(Disk)), default=(), doc="Disks.")
    user: str | None = option("user", USER, default=None, doc="Who will run the client.")
    users: tuple[UserFacts, ...] = option("users", ListOf(Table(UserFacts)), default=(), doc="Who can log in.")
    os: Os = option("os", Table(Os), default=Os(), doc="The distribution, in its own words.")
    boot: BootFacts = option("boot", Table(BootFacts), default=BootFacts(), doc="Initramfs and boot loader.")
    security: SecurityFacts = option(
        "security", Table(SecurityFacts), default=SecurityFacts(), doc="What the kernel and the firmware enforce."
    )
    kvmfr: KvmfrFacts = option("kvmfr", Table(KvmfrFacts), default=KvmfrFacts(), doc="Looking Glass' kernel module.")
    firmware: FirmwareFacts = option(
        "firmware", Table(FirmwareFacts), default=FirmwareFacts(), doc="The host's firmware, and what guests can have."
    )
    session: SessionFacts = option("session", Table(SessionFacts), default=SessionFacts(), doc="The user's session.")
    other_tools: tuple[Seen, ...] = option(
        "otherTools", ListOf(Table(Seen)), default=(), doc="Other tools that write the same settings."
    )
    unseen: tuple[Unseen, ...] = option("unseen", ListOf(Table(Unseen)), default=(), doc="What could not be read.")

    def device(self, address: Address) -> PciDevice | None:
        """The device at an address, if it is known."""
        return next((device for device in self.devices if device.address == address), None)

    def slot(self, address: Address) -> tuple[PciDevice, ...]:
        """Every function of an address' slot."""
        return tuple(device for device in self.devices if device.address.device == address.device)

    def group(self, number: int | None) -> tuple[PciDevice, ...]:
        """Every member of an IOMMU group; none for ``None``."""
        return tuple(device for device in self.devices if number is not None and device.iommu_group == number)

    def connectors_of(self, address: Address) -> tuple[Connector, ...]:
        """What the driver of a display device lists."""
        return tuple(connector for connector in self.connectors if connector.address == address)


def facts_from(data: Any, findings: Findings) -> Facts:
    """What could be loaded of plain data, bare facts or what ``detect --json`` printed; the rest becomes problems."""
    if isinstance(data, Mapping) and "facts" in data and data.keys() <= {"facts", "gpus", "usb"}:
        data = data["facts"]
    loaded = Table(Facts).load(data, "facts", findings)
    return loaded if isinstance(loaded, Facts) else Facts()


def load_facts(path: str) -> Facts:
    """Read a facts file. Raises ``InvalidInput`` with every problem."""
    findings = Findings()
    facts = facts_from(read_json(path), findings)
    findings.refuse()
    return facts
