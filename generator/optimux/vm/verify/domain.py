"""What a generated domain asks of QEMU, read from its XML: the artifact itself is what gets booted."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from optimux.record import Record
from optimux.vm.qemu.machine import Ivshmem, Port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml.etree import _Element

_DEFAULT_SIZE = 4 << 20  # libvirt's, for a <shmem> without one
# https://libvirt.org/formatdomain.html#memory-allocation
_SCALE = {"b": 1, "B": 1, "bytes": 1} | {
    f"{letter}{ending}": base**power
    for power, letter in enumerate("KMGT", start=1)
    for ending, base in (("", 1024), ("iB", 1024), ("B", 1000))
}
_QEMU = "{http://libvirt.org/schemas/domain/qemu/1.0}"


class WantedTable(Record):
    """A table file that the domain names; ``options`` are what else ``-acpitable`` gets with it."""

    path: str
    options: tuple[str, ...]


class Domain(Record):
    """The parts that a throwaway machine takes over; ``machine`` is the type, such as ``pc-q35-10.0``."""

    machine: str
    tables: tuple[WantedTable, ...]
    ports: tuple[Port, ...]
    shared: tuple[Ivshmem, ...]


def read_domain(xml: str) -> Domain:
    """Tables, root ports and shared memory of a domain, wherever they stand: elements or command line."""
    from lxml import etree

    root = etree.fromstring(xml.encode())
    arguments = [node.get("value", "") for node in root.iterfind(f"{_QEMU}commandline/{_QEMU}arg")]
    pairs = list(pairwise(arguments))
    # slic replaces the table's own signature.
    tables = [
        WantedTable((node.text or "").strip(), ("sig=SLIC",) if node.get("type") == "slic" else ())
        for node in root.findall("os/acpi/table")
    ]
    tables += [_acpitable(value) for word, value in pairs if word == "-acpitable"]
    shared = (*_shmem_elements(root), *_shmem_arguments(pairs))
    machine = next((node.get("machine", "") for node in root.iterfind("os/type")), "")
    return Domain(machine, tuple(tables), tuple(_ports(root)), shared)


def _acpitable(value: str) -> WantedTable:
    parts = value.split(",")
    paths = [part.removeprefix("file=") for part in parts if part.startswith("file=")]
    return WantedTable(paths[0] if paths else value, tuple(part for part in parts if not part.startswith("file=")))


def _ports(root: _Element) -> list[Port]:
    """Those on the root bus: the guest's buses are numbered in their order."""
    ports = []
    for node in root.findall("devices/controller[@model='pcie-root-port']"):
        address = node.find("address")
        if address is not None and not _number(address, "bus"):
            multifunction = address.get("multifunction") == "on"
            ports.append(Port(int(node.get("index", "0")), _place(address), multifunction))
    return ports


def _shmem_elements(root: _Element) -> list[Ivshmem]:
    found = []
    for node in root.findall("devices/shmem"):
        model, size, address = node.find("model"), node.find("size"), node.find("address")
        count = _bytes(size) if size is not None else _DEFAULT_SIZE
        if count is None or model is None or model.get("type") != "ivshmem-plain":
            continue
        name, bus = node.get("name", ""), "pcie.0"
        if address is not None and (number := _number(address, "bus")):
            bus = f"pci.{number}"
        place = None if address is None else _place(address)
        found.append(Ivshmem.plain(name, f"/dev/shm/{name}", count, bus, place))
    return found


def _bytes(size: _Element) -> int | None:
    """A size with libvirt's units; none for what is no size."""
    scale = _SCALE.get(size.get("unit", "bytes"))
    text = (size.text or "").strip()
    return int(text) * scale if scale and text.isdecimal() else None


def _shmem_arguments(pairs: list[tuple[str, str]]) -> list[Ivshmem]:
    """As they stand, whatever their properties: QEMU is to judge those."""
    backends = {value["id"]: value for value in _objects(pairs, "-object") if _is_backend(value)}
    devices = [value for value in _objects(pairs, "-device") if value.get("driver") == "ivshmem-plain"]
    return [Ivshmem(backends[key], device) for device in devices if (key := device.get("memdev")) in backends]


def _is_backend(value: dict[str, Any]) -> bool:
    return isinstance(value.get("id"), str) and "mem-path" in value and isinstance(value.get("size"), int)


def _objects(pairs: list[tuple[str, str]], word: str) -> Iterator[dict[str, Any]]:
    """The JSON arguments of one kind; the user's own may be in QEMU's other form, or in none."""
    for given, value in pairs:
        if given == word and value.startswith("{"):
            try:
                found = json.loads(value)
            except ValueError:
                continue
            if isinstance(found, dict):
                yield found


def _number(address: _Element, name: str) -> int:
    return int(address.get(name, "0"), 0)


def _place(address: _Element) -> str:
    slot, function = (_number(address, name) for name in ("slot", "function"))
    return f"0x{slot:x}" + (f".0x{function:x}" if function else "")
