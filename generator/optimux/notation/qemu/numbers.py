"""QEMU's numbers: sizes with a suffix, and the places of PCI functions."""

from __future__ import annotations

import re

from optimux.pci import Address

# util/cutils.c, do_strtosz: bytes without a suffix; 1.5G; hexadecimal digits come before a suffix.
_SIZE = re.compile(r"\s*\+?(?:(0x[0-9a-f]{1,16})|([0-9]{1,20})(\.[0-9]{0,20})?)([bkmgtpe]?)", re.IGNORECASE)
# hw/core/qdev-properties-system.c, set_pci_devfn: sscanf with "%x.%x", then "%x".
_PLACE = re.compile(r"\s*\+?(?:0[xX])?([0-9a-fA-F]{1,8})(?:\.\s*\+?(?:0[xX])?([0-9a-fA-F]{1,8}))?")


def read_size(text: str) -> int | None:
    """A size in bytes; ``None`` for what QEMU refuses."""
    match = _SIZE.fullmatch(text)
    if match is None:
        return None
    factor = int(1 << 10 * "bkmgtpe".index(match[4].lower() or "b"))
    if match[1]:
        found = int(match[1], 16) * factor
    else:
        found = int(match[2]) * factor + _fraction(match[3], factor)
        if match[3] and match[3] != "." and factor == 1 and match[3].strip(".0"):
            return None
    return found if found < 1 << 64 else None


def _fraction(text: str | None, factor: int) -> int:
    digits = (text or ".").removeprefix(".")
    return int(digits) * factor // 10 ** len(digits) if digits else 0


def read_place(value: object) -> tuple[int, int] | None:
    """``addr=``: slot and function. Text is hexadecimal with or without ``0x``; a JSON number is slot * 8 + function.

    ``None`` for what QEMU refuses, and for -1, by which it chooses itself.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return divmod(value, 8) if 0 <= value < 0x100 else None
    match = _PLACE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return None
    slot, function = int(match[1], 16), int(match[2] or "0", 16)
    return (slot, function) if slot < 0x20 and function < 8 else None


def write_place(address: Address) -> str:
    """``0x10``, or ``0x10.0x1`` for a function that is not the first."""
    return f"0x{address.slot:x}" + (f".0x{address.function:x}" if address.function else "")


def read_host(text: str) -> Address | None:
    """``host=`` of ``vfio-pci``: ``[domain:]bus:slot.function``, hexadecimal; ``None`` for what QEMU refuses."""
    parts = re.fullmatch(r"(?:([0-9a-f]{1,8}):)?([0-9a-f]{1,2}):([0-9a-f]{1,2})(?:\.([0-7]))?", text, re.IGNORECASE)
    if parts is None:
        return None
    domain, bus, slot, function = (int(part or "0", 16) for part in parts.groups())
    return Address(domain, bus, slot, function) if slot < 0x20 else None
