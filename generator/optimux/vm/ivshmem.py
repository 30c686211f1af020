"""The shared memory as the machine shows it: a PCI device whose BAR 2 is the file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optimux.pci import Address, Id
from optimux.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ID = Id(0x1AF4, 0x1110)
_BAR = 2


class Device(Record):
    """An ivshmem device in ``query-pci``: ``base`` is its BAR's guest address, ``None`` while it is not mapped."""

    address: Address
    size: int
    base: int | None


def find_devices(answer: Iterable[dict[str, Any]]) -> tuple[Device, ...]:
    """The ivshmem devices of a ``query-pci`` answer, those behind bridges included."""
    return tuple(_device(entry) for entry in _all(answer) if _id(entry) == ID)


def _all(buses: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for bus in buses:
        for entry in bus["devices"]:
            yield entry
            yield from _all([{"devices": entry.get("pci_bridge", {}).get("devices", [])}])


def _id(entry: dict[str, Any]) -> Id:
    return Id(entry["id"]["vendor"], entry["id"]["device"])


def _device(entry: dict[str, Any]) -> Device:
    bars = [region for region in entry["regions"] if region["bar"] == _BAR]
    address = Address(0, entry["bus"], entry["slot"], entry["function"])
    if not bars:
        return Device(address, 0, None)
    base = bars[0]["address"]
    return Device(address, bars[0]["size"], base if base > 0 else None)
