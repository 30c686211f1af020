"""PCI addresses and ids, as sysfs writes them."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from typing import TypeVar

from optimux.record import Record

_ADDRESS = re.compile(r"([0-9a-f]{4,8}):([0-9a-f]{2}):([0-9a-f]{2})\.([0-7])", re.IGNORECASE)
Key = TypeVar("Key", bound=Hashable)
_ID = re.compile(r"([0-9a-f]{4}):([0-9a-f]{4})", re.IGNORECASE)


class Address(Record):
    """A PCI address: bus 0-0xff, slot 0-0x1f, function 0-7 (PCI Express Base 2.2.6.2).

    The domain is Linux' own number: 32 bits, printed with at least four digits (drivers/pci/probe.c). Intel's VMD
    counts its domains from 0x10000; libvirt's schema takes 32 bits too.
    """

    domain: int
    bus: int
    slot: int
    function: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read ``"0000:01:00.0"``. Raises ``ValueError`` with the reason."""
        match = _ADDRESS.fullmatch(text)
        if match is None:
            raise ValueError("not of the form dddd:bb:ss.f, hexadecimal, function 0 to 7, dddd four to eight digits")
        domain, bus, slot, function = (int(part, 16) for part in match.groups())
        if slot > 0x1F:
            raise ValueError(f"in slot {slot:02x}, above 1f")
        return cls(domain, bus, slot, function)

    def __str__(self) -> str:
        return f"{self.domain:04x}:{self.bus:02x}:{self.slot:02x}.{self.function:x}"

    @property
    def device(self) -> tuple[int, int, int]:
        """Domain, bus and slot: what the functions of one device share."""
        return (self.domain, self.bus, self.slot)

    def at_function(self, function: int) -> Address:
        """The same slot, another function."""
        return self.replace(function=function)


class Id(Record):
    """A vendor and device id, 16 bits each."""

    vendor: int
    device: int

    @classmethod
    def parse(cls, text: str) -> Id:
        """Read ``"10de:249d"``. Raises ``ValueError`` with the reason."""
        match = _ID.fullmatch(text)
        if match is None:
            raise ValueError("not of the form vvvv:dddd, four hexadecimal digits each")
        return cls(int(match[1], 16), int(match[2], 16))

    def __str__(self) -> str:
        return f"{self.vendor:04x}:{self.device:04x}"


def guest_buses(bridges: Mapping[Key, tuple[Key, int, int]], root: Key) -> dict[Key, int]:
    """The bus numbers that a guest's firmware gives: depth first, each bus in the order of slots and functions.

    ``bridges`` maps the bus behind each bridge to the bus that it sits on, its slot and its function. SeaBIOS, OVMF and
    Linux count so (PCI-to-PCI Bridge Architecture Specification 1.2, chapter 12), whatever libvirt calls the buses.
    What hangs on no bus gets no number.
    """
    below: dict[Key, list[tuple[int, int, Key]]] = {}
    for bus, (parent, slot, function) in bridges.items():
        below.setdefault(parent, []).append((slot, function, bus))
    for children in below.values():
        children.sort(key=lambda child: child[:2], reverse=True)
    numbers: dict[Key, int] = {}
    waiting = [root]
    while waiting:
        bus = waiting.pop()
        if bus not in numbers:
            numbers[bus] = len(numbers)
            waiting += [child for _, _, child in below.get(bus, ())]
    return numbers
