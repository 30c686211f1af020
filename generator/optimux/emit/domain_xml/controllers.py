"""``<controller>`` elements: USB, PCI, SATA, virtio-serial."""

from __future__ import annotations

from collections.abc import Iterator

from optimux.emit.domain_xml.address import placed
from optimux.emit.xml import Element, element
from optimux.plan.devices import Placement, Usb
from optimux.plan.model import DomainPlan
from optimux.sizes import Size


def controllers(domain: DomainPlan) -> Iterator[Element]:
    """The controllers that the plan places; libvirt adds what else it needs."""
    yield _usb(domain.usb)
    yield _pcie_root(domain.hole64)
    yield from (root_port(port.index, port.placement) for port in domain.root_ports)
    for index, place in enumerate(domain.sata):
        yield element("controller", placed(place), type_="sata", index=index)
    for index in range(domain.scsi_controllers):
        yield element("controller", type_="scsi", index=index, model="virtio-scsi")
    if domain.channels:
        yield element("controller", placed(domain.virtio_serial), type_="virtio-serial", index="0")


def _usb(usb: Usb) -> Element:
    return element("controller", placed(usb.placement), type_="usb", index="0", model=usb.model, ports=usb.ports)


def _pcie_root(hole: Size | None) -> Element:
    child = element("pcihole64", text=str(hole.kib), unit="KiB") if hole else None
    return element("controller", child, type_="pci", index="0", model="pcie-root")


def root_port(index: int, place: Placement) -> Element:
    """A pcie-root-port. The port number is slot and function in one byte, as libvirt numbers its own."""
    number = place.address.slot << 3 | place.address.function
    return element(
        "controller",
        element("model", name="pcie-root-port"),
        element("target", chassis=index, port=f"0x{number:x}"),
        placed(place),
        type_="pci",
        index=index,
        model="pcie-root-port",
    )
