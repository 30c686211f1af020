"""``<controller>`` elements: USB, PCI, SATA, virtio-serial."""

from __future__ import annotations

from collections.abc import Iterator

from optimux.emit.domain_xml.address import pci_address, pci_address_of
from optimux.emit.xml import Element, element
from optimux.options.vm.devices import Usb
from optimux.pci import Address
from optimux.plan.model import DomainPlan, RootPort
from optimux.sizes import Size

SATA_ADDRESS = Address(0, 0, 0x1F, 2)  # where ICH9 has it, in every q35 machine


def controllers(domain: DomainPlan) -> Iterator[Element]:
    """The controllers that the plan places; libvirt adds what else it needs."""
    yield _usb(domain.usb)
    yield _pcie_root(domain.hole64)
    yield from map(root_port, domain.root_ports)
    if any(disk.bus == "sata" for disk in domain.disks):
        yield element("controller", pci_address(SATA_ADDRESS), type_="sata", index="0")
    if any(disk.bus == "scsi" for disk in domain.disks):
        yield element("controller", type_="scsi", index="0", model="virtio-scsi")
    if domain.channels:
        yield element("controller", pci_address_of(domain.virtio_serial_address), type_="virtio-serial", index="0")


def _usb(usb: Usb) -> Element:
    ports = usb.ports if usb.model in ("qemu-xhci", "nec-xhci") else None
    address = pci_address_of(usb.address) if usb.model != "none" else None
    return element("controller", address, type_="usb", index="0", model=usb.model, ports=ports)


def _pcie_root(hole: Size | None) -> Element:
    child = element("pcihole64", text=str(hole.kib), unit="KiB") if hole else None
    return element("controller", child, type_="pci", index="0", model="pcie-root")


def root_port(port: RootPort) -> Element:
    """A pcie-root-port. The port number is slot and function in one byte, as libvirt numbers its own."""
    number = port.address.slot << 3 | port.address.function
    return element(
        "controller",
        element("model", name="pcie-root-port"),
        element("target", chassis=port.index, port=f"0x{number:x}"),
        pci_address(port.address, multifunction=port.multifunction),
        type_="pci",
        index=port.index,
        model="pcie-root-port",
    )
