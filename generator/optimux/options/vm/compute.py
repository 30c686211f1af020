"""Memory, CPUs, pinning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from optimux.declare import Bool, Choice, Declared, Int, ListOf, MapOf, Table, Text, option
from optimux.declare.values import CPU_SET, SIZE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optimux.sizes import Size


MemoryAccess = Literal["shared", "private"]
MemorySource = Literal["memfd", "file", "anonymous"]


class MemoryBacking(Declared):
    hugepages: bool = option(
        "hugepages",
        Bool(),
        default=False,
        doc="Whether guest memory comes from huge pages; reserve them in host.hugepages, or have them made for "
        "each start (whileRunning.hugepages).",
    )
    hugepage_size: Size | None = option(
        "hugepageSize", SIZE, default=None, doc="Size of the pages. Null is the host's default.", example="1GiB"
    )
    locked: bool = option("locked", Bool(), default=False, doc="Locks guest memory in RAM. VFIO pins it anyway.")
    nosharepages: bool = option("nosharepages", Bool(), default=False, doc="Keeps KSM from merging guest pages.")
    access: MemoryAccess | None = option(
        "access",
        Choice(MemoryAccess),
        default=None,
        doc="Whether other processes may map guest memory (virtiofs needs shared). Null leaves it to libvirt.",
        example="shared",
    )
    source: MemorySource | None = option(
        "source",
        Choice(MemorySource),
        default=None,
        doc="What backs guest memory. Null leaves it to libvirt.",
        example="memfd",
    )


class Topology(Declared):
    sockets: int = option("sockets", Int(1, 64), default=1, doc="CPU sockets.")
    dies: int = option("dies", Int(1, 64), default=1, doc="Dies a socket.")
    cores: int = option("cores", Int(1, 1024), doc="Cores a die.", example=8)
    threads: int = option("threads", Int(1, 8), default=2, doc="Threads a core.")

    @property
    def vcpus(self) -> int:
        """How many virtual CPUs the topology has."""
        return self.sockets * self.dies * self.cores * self.threads


WidthMode = Literal["passthrough", "emulate"]


class MaxPhysAddr(Declared):
    mode: WidthMode = option("mode", Choice(WidthMode), default="passthrough", doc="Where the width comes from.")
    bits: int | None = option(
        "bits", Int(32, 52), default=None, doc="The width itself, with mode emulate only.", unit="bits", example=42
    )
    limit: int | None = option(
        "limit",
        Int(32, 52),
        default=None,
        doc="Upper bound with mode passthrough; libvirt 9.3 and newer. Set it to the IOMMU's width when QEMU says "
        "VFIO_MAP_DMA failed: -22.",
        unit="bits",
        example=39,
    )


FEATURE = Text(r"[A-Za-z0-9_.-]+", "the name of a CPU feature", 64)


CpuMode = Literal["host-passthrough", "host-model", "maximum"]
CpuCheck = Literal["none", "partial", "full"]
CpuCache = Literal["passthrough", "emulate", "disable", "none"]


class Cpu(Declared):
    mode: CpuMode = option("mode", Choice(CpuMode), default="host-passthrough", doc="What CPU the guest sees.")
    check: CpuCheck = option("check", Choice(CpuCheck), default="none", doc="How libvirt checks the CPU.")
    migratable: bool = option(
        "migratable", Bool(), default=True, doc="Hides features that block migration (host-passthrough only)."
    )
    cache: CpuCache | None = option(
        "cache",
        Choice(CpuCache),
        default=None,
        doc='The caches that the guest sees; "none" writes no element. Null is passthrough, and none with host-model.',
        example="emulate",
    )
    topology: Topology | None = option(
        "topology",
        Table(Topology),
        default=None,
        doc="Sockets, dies, cores, threads. Null is one socket with a core for each of vcpus.",
    )
    max_phys_addr: MaxPhysAddr | None = option(
        "maxPhysAddr",
        Table(MaxPhysAddr),
        default=None,
        doc="Width of guest physical addresses. Null is the CPU's, or the IOMMU's where the facts show a narrower one.",
    )
    require: tuple[str, ...] = option(
        "require", ListOf(FEATURE), default=(), doc="CPU features the guest must have.", example=["invtsc"]
    )
    disable: tuple[str, ...] = option(
        "disable", ListOf(FEATURE), default=(), doc="CPU features the guest must not have.", example=["hypervisor"]
    )


VCPU = Text(r"[0-9]{1,4}", "the number of a vCPU or an iothread", 4)


class CpuTune(Declared):
    vcpu_pin: Mapping[str, str] = option(
        "vcpuPin", MapOf(CPU_SET, VCPU), default={}, doc="Host CPUs of each vCPU.", example={"0": "2", "1": "10"}
    )
    emulator_pin: str | None = option(
        "emulatorPin", CPU_SET, default=None, doc="Host CPUs of QEMU's own threads.", example="0-1"
    )
    iothreads: int = option("iothreads", Int(0, 64), default=0, doc="How many iothreads disks may name.")
    iothread_pin: Mapping[str, str] = option(
        "iothreadPin", MapOf(CPU_SET, VCPU), default={}, doc="Host CPUs of each iothread, from 1.", example={"1": "0"}
    )


# libvirt drops an empty entry.
ENTRY = Text(r"[^\n\r]+", "one line of text that is not empty")


SmbiosMode = Literal["host", "sysinfo", "emulate"]
BiosString = Literal["vendor", "version", "date", "release"]
SystemString = Literal["manufacturer", "product", "version", "serial", "uuid", "sku", "family"]
BoardString = Literal["manufacturer", "product", "version", "serial", "asset", "location"]


class Smbios(Declared):
    mode: SmbiosMode = option(
        "mode",
        Choice(SmbiosMode),
        doc="Show the host's SMBIOS, the strings given here, or QEMU's.",
        example="sysinfo",
    )
    bios: Mapping[BiosString, str] = option(
        "bios",
        MapOf(ENTRY, Choice(BiosString)),
        default={},
        doc="BIOS strings: vendor, version, date, release.",
    )
    system: Mapping[SystemString, str] = option(
        "system",
        MapOf(ENTRY, Choice(SystemString)),
        default={},
        doc="System strings: manufacturer, product, version, serial, uuid, sku, family.",
        example={"manufacturer": "HP", "product": "OMEN by HP Laptop 17"},
    )
    base_board: Mapping[BoardString, str] = option(
        "baseBoard",
        MapOf(ENTRY, Choice(BoardString)),
        default={},
        doc="Board strings: manufacturer, product, version, serial, asset, location.",
    )
