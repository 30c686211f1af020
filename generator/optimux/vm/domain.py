"""What a generated domain asks of QEMU, read from its XML: the artifact itself is what gets booted."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from optimux.record import Record
from optimux.vm.machine import Ivshmem, Port

if TYPE_CHECKING:
    from lxml.etree import _Element

_QEMU = "{http://libvirt.org/schemas/domain/qemu/1.0}"


class WantedTable(Record):
    """A table file that the domain names: ``kind`` is ``raw``, ``slic``, or what else stands there."""

    path: str
    kind: str


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
    tables = [WantedTable((node.text or "").strip(), node.get("type", "")) for node in root.findall("os/acpi/table")]
    tables += [_acpitable(value) for word, value in pairs if word == "-acpitable"]
    shared = (*_shmem_elements(root), *_shmem_arguments(pairs))
    machine = next((node.get("machine", "") for node in root.iterfind("os/type")), "")
    return Domain(machine, tuple(tables), tuple(_ports(root)), shared)


def _acpitable(value: str) -> WantedTable:
    options = dict(part.split("=", 1) for part in value.split(",") if "=" in part)
    return WantedTable(options.get("file", value), "slic" if options.get("sig") == "SLIC" else "raw")


def _ports(root: _Element) -> list[Port]:
    ports = []
    for node in root.findall("devices/controller[@model='pcie-root-port']"):
        address = node.find("address")
        if address is not None:
            multifunction = address.get("multifunction") == "on"
            ports.append(Port(int(node.get("index", "0")), _place(address), multifunction))
    return ports


def _shmem_elements(root: _Element) -> list[Ivshmem]:
    scale = {"": 1, "B": 1, "bytes": 1, "K": 1 << 10, "KiB": 1 << 10, "M": 1 << 20, "MiB": 1 << 20, "G": 1 << 30}
    found = []
    for node in root.findall("devices/shmem"):
        size, address = node.find("size"), node.find("address")
        count = int(size.text or 0) * scale[size.get("unit", "")] if size is not None else 4 << 20
        name, bus = node.get("name", ""), "pcie.0"
        if address is not None and (number := int(address.get("bus", "0"), 0)):
            bus = f"pci.{number}"
        place = None if address is None else _place(address)
        found.append(Ivshmem(name, f"/dev/shm/{name}", count, bus, place))
    return found


def _shmem_arguments(pairs: list[tuple[str, str]]) -> list[Ivshmem]:
    backends = {value["id"]: value for value in _objects(pairs, "-object") if "mem-path" in value}
    devices = [value for value in _objects(pairs, "-device") if value.get("driver") == "ivshmem-plain"]
    return [
        Ivshmem(
            device["memdev"],
            backends[device["memdev"]]["mem-path"],
            backends[device["memdev"]]["size"],
            device.get("bus", "pcie.0"),
            device.get("addr"),
        )
        for device in devices
        if device.get("memdev") in backends
    ]


def _objects(pairs: list[tuple[str, str]], word: str) -> list[dict[str, Any]]:
    """The JSON arguments of one kind; the user's own may be in QEMU's other form."""
    return [json.loads(value) for given, value in pairs if given == word and value.startswith("{")]


def _place(address: _Element) -> str:
    slot, function = (int(address.get(name, "0"), 0) for name in ("slot", "function"))
    return f"0x{slot:x}" + (f".0x{function:x}" if function else "")
