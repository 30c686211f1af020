"""``<address>`` elements."""

from __future__ import annotations

from optimux.emit.xml import Element, element, on_off
from optimux.notation.libvirt import pci_attributes
from optimux.pci import Address
from optimux.plan.devices import Placement


def pci_address(address: Address, *, multifunction: bool = False, type_: str | None = "pci") -> Element:
    """A PCI address in libvirt's hexadecimal spelling; on the source side it has no type."""
    return element(
        "address",
        type_=type_,
        **pci_attributes(address),
        multifunction=on_off(True) if multifunction else None,
    )


def placed(placement: Placement | None) -> Element | None:
    """The address of a planned place, where there is one."""
    return pci_address(placement.address, multifunction=placement.multifunction) if placement else None


def drive_address(text: str) -> Element:
    """``"controller:bus:target:unit"``."""
    controller, bus, target, unit = text.split(":")
    return element("address", type_="drive", controller=controller, bus=bus, target=target, unit=unit)
