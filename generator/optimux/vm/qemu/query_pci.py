"""QMP's ``query-pci``: every function of a machine, as its firmware has numbered the buses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optimux.pci import Address, Id

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def entries(buses: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The functions of an answer, those behind bridges included."""
    for bus in buses:
        for entry in bus["devices"]:
            yield entry
            yield from entries([{"devices": entry.get("pci_bridge", {}).get("devices", [])}])


def address_of(entry: dict[str, Any]) -> Address:
    """Where a function is."""
    return Address(0, entry["bus"], entry["slot"], entry["function"])


def id_of(entry: dict[str, Any]) -> Id:
    """What it is."""
    return Id(entry["id"]["vendor"], entry["id"]["device"])
