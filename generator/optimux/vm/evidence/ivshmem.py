"""The shared memory as the machine shows it: a PCI device whose BAR 2 is the file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optimux.pci import Id
from optimux.record import Record
from optimux.vm.qemu.query_pci import address_of, entries, id_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from optimux.pci import Address

ID = Id(0x1AF4, 0x1110)
_BAR = 2


class SharedDevice(Record):
    """An ivshmem device in ``query-pci``: ``base`` is its BAR's guest address, ``None`` while it is not mapped."""

    address: Address
    size: int
    base: int | None


def find_devices(answer: Iterable[dict[str, Any]]) -> tuple[SharedDevice, ...]:
    """The ivshmem devices of a ``query-pci`` answer, those behind bridges included."""
    return tuple(_device(entry) for entry in entries(answer) if id_of(entry) == ID)


def _device(entry: dict[str, Any]) -> SharedDevice:
    bars = [region for region in entry["regions"] if region["bar"] == _BAR]
    address = address_of(entry)
    if not bars:
        return SharedDevice(address, 0, None)
    base = bars[0]["address"]
    return SharedDevice(address, bars[0]["size"], base if base > 0 else None)
