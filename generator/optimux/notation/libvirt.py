"""libvirt's spellings: numbers, sizes with units, PCI addresses, aliases, names of buses, namespaces."""

from __future__ import annotations

import re
from collections.abc import Mapping

from optimux.pci import Address

QEMU = "http://libvirt.org/schemas/domain/qemu/1.0"
LIBOSINFO = "http://libosinfo.org/xmlns/libvirt/domain/1.0"
USER_ALIAS = "ua-"

# strtoul with base 0: a leading 0 makes a number octal.
_NUMBER = re.compile(r"\s*\+?(?:(0[xX][0-9a-fA-F]{1,16})|(0[0-7]{0,22})|([1-9][0-9]{0,19}))")
_COUNT = re.compile(r"\s*\+?([0-9]{1,20})\s*")
_UNIT = re.compile(r"([kmgtpe])(|ib|b)", re.IGNORECASE)
_BYTES = ("b", "byte", "bytes")
_ON_BUS_0 = ("pcie.0", "pci.0")
_BUS = re.compile(r"(?:pcie|pci)\.([0-9]{1,9})")


def number(text: str) -> int | None:
    """A number that libvirt reads with base 0 (``16``, ``0x10``, ``020``); ``None`` for what it refuses."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    return int(match[1], 16) if match[1] else int(match[2], 8) if match[2] else int(match[3])


def scale(unit: str, default: int = 1) -> int | None:
    """The bytes of one ``unit`` (virScaleInteger): ``KiB`` and ``K`` are 1024, ``KB`` is 1000, in any case.

    ``default`` is what no unit means where it stands: 1024 for ``<memory>``, 1 for ``<shmem><size>``.
    """
    if not unit:
        return default
    if unit.lower() in _BYTES:
        return 1
    match = _UNIT.fullmatch(unit)
    if match is None:
        return None
    base = 1000 if match[2].lower() == "b" else 1024
    return int(base ** (1 + "kmgtpe".index(match[1].lower())))


def size(text: str, unit: str = "", default: int = 1) -> int | None:
    """A size in bytes; ``None`` for what libvirt refuses, as it does what needs more than 64 bits."""
    match, factor = _COUNT.fullmatch(text), scale(unit, default)
    if match is None or factor is None:
        return None
    found = int(match[1]) * factor
    return found if found < 1 << 64 else None


def pci_address(attributes: Mapping[str, str]) -> Address | None:
    """Domain, bus, slot and function of an ``<address>``; what is left out is 0. ``None`` for what libvirt refuses."""
    parts = [number(attributes.get(name, "0")) for name in ("domain", "bus", "slot", "function")]
    domain, bus, slot, function = parts
    if domain is None or bus is None or slot is None or function is None:
        return None
    if domain > 0xFFFFFFFF or bus > 0xFF or slot > 0x1F or function > 7:
        return None
    return Address(domain, bus, slot, function)


def pci_attributes(address: Address) -> dict[str, str]:
    """The attributes of an ``<address>``, as libvirt writes them back."""
    return {
        "domain": f"0x{address.domain:04x}",
        "bus": f"0x{address.bus:02x}",
        "slot": f"0x{address.slot:02x}",
        "function": f"0x{address.function:x}",
    }


def guest_address(attributes: Mapping[str, str]) -> Address | None:
    """As ``pci_address``; also ``None`` for slot 0 of bus 0, by which libvirt is asked to choose a place."""
    address = pci_address(attributes)
    return None if address is None or address.device == (0, 0, 0) else address


def is_user_alias(alias: str) -> bool:
    """Whether libvirt keeps an alias that the domain's XML gives; others it replaces by its own."""
    return alias.startswith(USER_ALIAS)


def bus_id(index: int) -> str:
    """QEMU's name for the bus of a PCI controller of q35."""
    return f"pci.{index}" if index else "pcie.0"


def bus_index(name: str) -> int | None:
    """The controller that ``bus_id`` names; ``None`` for a bus of another kind or of an argument's own bridge."""
    if name in _ON_BUS_0:
        return 0
    match = _BUS.fullmatch(name)
    return int(match[1]) if match else None
