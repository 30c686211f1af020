"""``<address>`` elements."""

from __future__ import annotations

from optimux.emit.xml import Element, element, on_off
from optimux.pci import Address


def pci_address(address: Address, *, multifunction: bool = False, type_: str | None = "pci") -> Element:
    """A PCI address in libvirt's hexadecimal spelling; on the source side it has no type."""
    return element(
        "address",
        type_=type_,
        domain=f"0x{address.domain:04x}",
        bus=f"0x{address.bus:02x}",
        slot=f"0x{address.slot:02x}",
        function=f"0x{address.function:x}",
        multifunction=on_off(True) if multifunction else None,
    )


def pci_address_of(address: Address | None) -> Element | None:
    """The address, where there is one."""
    return pci_address(address) if address else None


def drive_address(text: str) -> Element:
    """``"controller:bus:target:unit"``."""
    controller, bus, target, unit = text.split(":")
    return element("address", type_="drive", controller=controller, bus=bus, target=target, unit=unit)
