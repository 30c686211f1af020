"""A domain without what only its own host has, so that any machine with its libvirt and QEMU can build it.

What the guest sees keeps its identity: every device stays at its place on its bus, with its alias. What is replaced is
what stands behind it, and each replacement is listed. Pure: XML in, XML out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimux.record import Record
from optimux.vm.domain.reduce_devices import reduce_device

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from lxml.etree import _Element

QEMU = "{http://libvirt.org/schemas/domain/qemu/1.0}"
NAME = "optimux"
MEMORY_MIB = 1024
# Beside <devices>: what names files, processors, memory or rights of the host.
_LEFT_OUT = (
    *("title", "description", "metadata", "genid", "maxMemory", "numatune", "blkiotune", "memtune", "cputune"),
    *("resource", "seclabel", "launchSecurity", "keywrap", "perf", "idmap", "bootloader", "bootloader_args"),
)
_FIRMWARE = ("loader", "nvram", "firmware", "varstore", "nvramStore")
_DIRECT = ("kernel", "initrd", "cmdline", "dtb", "shim")
_KVM_ALONE = ("kvm", "ioapic", "hyperv[@mode='passthrough']")


class Emulation(Record):
    """What the throwaway machine runs on.

    ``kvm``: whether guests run under KVM here; else the domain becomes one of type qemu. ``emulator`` stands for the
    domain's own where that is not among ``emulators``; ``machines`` are the types that it knows (empty: not known).
    ``folder`` stands for every folder that is shared with the guest.
    """

    kvm: bool
    emulator: str
    emulators: Collection[str]
    machines: Collection[str]
    folder: str


class Reduced(Record):
    """The domain for libvirt, the user's own words for QEMU's command line, and what was replaced."""

    xml: str
    arguments: tuple[str, ...]
    replaced: tuple[str, ...]


def reduce(document: bytes, emulation: Emulation) -> Reduced:
    """The domain under the name ``NAME``, PCI host devices still in it: libvirt is to place them.

    Raises ``XMLSyntaxError`` where ``document`` is not well-formed.
    """
    from lxml import etree

    root = etree.fromstring(document, etree.XMLParser(remove_comments=True, remove_pis=True, resolve_entities=False))
    arguments = [node.get("value", "") for node in root.iterfind(f"{QEMU}commandline/{QEMU}arg")]
    for line in root.findall(f"{QEMU}commandline"):
        root.remove(line)
    replaced = [*_top(root, emulation), *_os(root, emulation), *_processor(root, emulation), *_memory(root)]
    for device in list(root.iterfind("devices/*")):
        replaced += reduce_device(device, emulation.folder)
    return Reduced(etree.tostring(root, encoding="unicode"), tuple(arguments), tuple(replaced))


def _top(root: _Element, emulation: Emulation) -> Iterator[str]:
    from lxml import etree

    for tag in _LEFT_OUT:
        _drop(root, tag)
    name = root.find("name")
    if name is None:
        name = etree.SubElement(root, "name")
    name.text = NAME
    if root.get("type") == "kvm" and not emulation.kvm:
        root.set("type", "qemu")
        yield "KVM: software emulation"
    emulator = root.find("devices/emulator")
    if emulator is not None and (emulator.text or "").strip() not in emulation.emulators:
        yield f"emulator {(emulator.text or '').strip()}: {emulation.emulator}"
        emulator.text = emulation.emulator


def _os(root: _Element, emulation: Emulation) -> Iterator[str]:
    os = root.find("os")
    if os is None:
        return
    if os.attrib.pop("firmware", "") or any(os.find(tag) is not None for tag in _FIRMWARE):
        yield "UEFI firmware: SeaBIOS, which numbers the buses alike"
    if any(os.find(tag) is not None for tag in _DIRECT):
        yield "kernel of a direct boot: left out"
    for tag in (*_FIRMWARE, *_DIRECT, "smbios[@mode='host']"):
        _drop(os, tag)
    for entry in root.findall("sysinfo[@type='fwcfg']"):
        root.remove(entry)
    kind = os.find("type")
    machine = kind.get("machine", "") if kind is not None else ""
    if kind is not None and emulation.machines and machine and machine not in emulation.machines:
        kind.set("machine", "q35")
        yield f"machine type {machine}, which this QEMU has not: its newest q35"


def _processor(root: _Element, emulation: Emulation) -> Iterator[str]:
    cpu, features = root.find("cpu"), root.find("features")
    if cpu is not None:
        _drop(cpu, "numa")
    if emulation.kvm:
        return
    yield from _one_processor(root)
    if cpu is not None and (cpu.get("mode") or cpu.find("model") is not None):
        for tag in ("model", "vendor", "cache", "maxphysaddr"):
            _drop(cpu, tag)
        for name in ("match", "check", "migratable", "deprecated_features"):
            cpu.attrib.pop(name, "")
        cpu.set("mode", "maximum")
        yield "processor: a generic one"
    if features is not None:
        for tag in _KVM_ALONE:
            _drop(features, tag)


def _one_processor(root: _Element) -> Iterator[str]:
    """The others are there to be plugged in: emulated, each runs while the firmware brings up all of them."""
    count = root.find("vcpu")
    if count is not None and (count.text or "").strip() not in ("", "1"):
        _drop(root, "vcpus")
        count.set("current", "1")
        yield f"processors: one of {(count.text or '').strip()}"


def _memory(root: _Element) -> Iterator[str]:
    memory = root.find("memory")
    if memory is not None:
        memory.text, most = str(MEMORY_MIB), MEMORY_MIB
        memory.attrib.clear()
        memory.set("unit", "MiB")
        _drop(root, "currentMemory")
        yield f"memory: {most} MiB of it"
    backing = root.find("memoryBacking")
    if backing is not None:
        for tag in ("hugepages", "locked", "nosharepages", "allocation", "discard", "source[@type='file']"):
            _drop(backing, tag)


def _drop(parent: _Element, path: str) -> None:
    for child in parent.findall(path):
        parent.remove(child)
