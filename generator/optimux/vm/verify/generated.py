"""What a generated domain asks of QEMU, read from its XML: the artifact itself is what gets booted."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from optimux.notation.libvirt import QEMU, bus_id, guest_address, size
from optimux.notation.qemu.command_line import options
from optimux.notation.qemu.errors import UnreadableError
from optimux.notation.qemu.numbers import write_place
from optimux.notation.qemu.properties import Properties
from optimux.record import Record
from optimux.vm.qemu.machine import Ivshmem, Port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml.etree import _Element

_DEFAULT_SIZE = 4 << 20  # libvirt's, for a <shmem> without one
_QEMU = f"{{{QEMU}}}"


class NamedTable(Record):
    """A table file that the domain names; ``options`` are what else ``-acpitable`` gets with it."""

    path: str
    options: tuple[str, ...]


class Generated(Record):
    """The parts that a throwaway machine takes over; ``machine`` is the type, such as ``pc-q35-10.0``."""

    machine: str
    tables: tuple[NamedTable, ...]
    ports: tuple[Port, ...]
    shared: tuple[Ivshmem, ...]


def read_generated(xml: str) -> Generated:
    """Tables, root ports and shared memory of a domain, wherever they stand: elements or command line."""
    from lxml import etree

    root = etree.fromstring(xml.encode())
    given = list(_options([node.get("value", "") for node in root.iterfind(f"{_QEMU}commandline/{_QEMU}arg")]))
    # slic replaces the table's own signature.
    tables = [
        NamedTable((node.text or "").strip(), ("sig=SLIC",) if node.get("type") == "slic" else ())
        for node in root.findall("os/acpi/table")
    ]
    tables += [_acpitable(values) for values in given if values.option == "acpitable"]
    shared = (*_shmem_elements(root), *_shmem_arguments(given))
    machine = next((node.get("machine", "") for node in root.iterfind("os/type")), "")
    return Generated(machine, tuple(tables), tuple(_ports(root)), shared)


def _options(words: list[str]) -> Iterator[Properties]:
    """The options that a throwaway machine takes over; what QEMU cannot read is not one."""
    for option in options(words):
        if option.name in ("acpitable", "device", "object") and option.value is not None:
            with suppress(UnreadableError):
                yield Properties(option.name, option.value)


def _acpitable(values: Properties) -> NamedTable:
    """QEMU takes a word without a key for ``data=``, a table without a header: it is to judge that."""
    path = values.get("file") or values.get("data")
    return NamedTable(path, tuple(f"{key}={values.get(key)}" for key in values.values if key not in ("file", "data")))


def _ports(root: _Element) -> list[Port]:
    """Those on the root bus: the guest's buses are numbered in their order."""
    ports = []
    for node in root.findall("devices/controller[@model='pcie-root-port']"):
        address = node.find("address")
        place = guest_address(_attributes(address))
        if address is not None and place is not None and not place.bus:
            multifunction = address.get("multifunction") == "on"
            ports.append(Port(int(node.get("index", "0")), write_place(place), multifunction))
    return ports


def _shmem_elements(root: _Element) -> list[Ivshmem]:
    found = []
    for node in root.findall("devices/shmem"):
        model, stated, address = node.find("model"), node.find("size"), node.find("address")
        count = _bytes(stated) if stated is not None else _DEFAULT_SIZE
        if count is None or model is None or model.get("type") != "ivshmem-plain":
            continue
        name, place = node.get("name", ""), guest_address(_attributes(address))
        bus = bus_id(place.bus if place else 0)
        found.append(Ivshmem.plain(name, f"/dev/shm/{name}", count, bus, write_place(place) if place else None))
    return found


def _bytes(node: _Element) -> int | None:
    """A size with libvirt's units; none for what is no size."""
    return size((node.text or "").strip(), node.get("unit", ""))


def _attributes(node: _Element | None) -> dict[str, str]:
    return {} if node is None else {str(key): str(value) for key, value in node.attrib.items()}


def _shmem_arguments(given: list[Properties]) -> list[Ivshmem]:
    """As they stand, whatever their properties: QEMU is to judge those."""
    backends = {values.get("id"): _typed(values) for values in given if _is_backend(values)}
    devices = [v for v in given if v.option == "device" and v.get("driver") == "ivshmem-plain"]
    return [Ivshmem(backends[v.get("memdev")], _typed(v)) for v in devices if v.get("memdev") in backends]


def _is_backend(values: Properties) -> bool:
    return values.option == "object" and bool(values.get("id") and values.get("mem-path")) and bool(values.size("size"))


def _typed(values: Properties) -> dict[str, Any]:
    """The keys as QEMU's JSON has them."""
    found = dict(values.values)
    if not values.is_json:
        found |= {key: values.says(key, True) for key in ("share", "multifunction") if key in found}
        found |= {"size": values.size("size")} if "size" in found else {}
    return found
