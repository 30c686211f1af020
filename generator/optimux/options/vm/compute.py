"""Memory, CPUs, pinning."""

from __future__ import annotations

from optimux.declare import Bool, Choice, Declared, Int, ListOf, MapOf, Table, Text, option
from optimux.declare.values import CPU_SET, SIZE


class MemoryBacking(Declared):
    hugepages = option(
        "hugepages", Bool(), False, doc="Whether guest memory comes from huge pages; reserve them in host.hugepages."
    )
    hugepage_size = option(
        "hugepageSize", SIZE, None, doc="Size of the pages. Null is the host's default.", example="1GiB"
    )
    locked = option("locked", Bool(), False, doc="Locks guest memory in RAM. VFIO pins it anyway.")
    nosharepages = option("nosharepages", Bool(), False, doc="Keeps KSM from merging guest pages.")
    access = option(
        "access",
        Choice("shared", "private"),
        None,
        doc="Whether other processes may map guest memory (virtiofs needs shared). Null leaves it to libvirt.",
        example="shared",
    )
    source = option(
        "source",
        Choice("memfd", "file", "anonymous"),
        None,
        doc="What backs guest memory. Null leaves it to libvirt.",
        example="memfd",
    )


class Topology(Declared):
    sockets = option("sockets", Int(1, 64), 1, doc="CPU sockets.")
    dies = option("dies", Int(1, 64), 1, doc="Dies a socket.")
    cores = option("cores", Int(1, 1024), doc="Cores a die.", example=8)
    threads = option("threads", Int(1, 8), 2, doc="Threads a core.")

    @property
    def vcpus(self) -> int:
        """How many virtual CPUs the topology has."""
        return self.sockets * self.dies * self.cores * self.threads


class MaxPhysAddr(Declared):
    mode = option("mode", Choice("passthrough", "emulate"), "passthrough", doc="Where the width comes from.")
    bits = option("bits", Int(32, 52), None, doc="The width itself, with mode emulate only.", unit="bits", example=42)
    limit = option(
        "limit",
        Int(32, 52),
        None,
        doc="Upper bound with mode passthrough; libvirt 9.3 and newer. Set it to the IOMMU's width when QEMU says "
        "VFIO_MAP_DMA failed: -22.",
        unit="bits",
        example=39,
    )


FEATURE = Text(r"[A-Za-z0-9_.-]+", "the name of a CPU feature", 64)


class Cpu(Declared):
    mode = option(
        "mode", Choice("host-passthrough", "host-model", "maximum"), "host-passthrough", doc="What CPU the guest sees."
    )
    check = option("check", Choice("none", "partial", "full"), "none", doc="How libvirt checks the CPU.")
    migratable = option("migratable", Bool(), True, doc="Hides features that block migration (host-passthrough only).")
    cache = option(
        "cache",
        Choice("passthrough", "emulate", "disable", "none"),
        None,
        doc='The caches that the guest sees; "none" writes no element. Null is passthrough, and none with host-model.',
        example="emulate",
    )
    topology = option(
        "topology",
        Table(Topology),
        None,
        doc="Sockets, dies, cores, threads. Null is one socket with a core for each of vcpus.",
    )
    max_phys_addr = option("maxPhysAddr", Table(MaxPhysAddr), None, doc="Width of guest physical addresses.")
    require = option("require", ListOf(FEATURE), (), doc="CPU features the guest must have.", example=["invtsc"])
    disable = option(
        "disable", ListOf(FEATURE), (), doc="CPU features the guest must not have.", example=["hypervisor"]
    )


VCPU = Text(r"[0-9]{1,4}", "the number of a vCPU or an iothread", 4)


class CpuTune(Declared):
    vcpu_pin = option("vcpuPin", MapOf(CPU_SET, VCPU), {}, doc="Host CPUs of each vCPU.", example={"0": "2", "1": "10"})
    emulator_pin = option("emulatorPin", CPU_SET, None, doc="Host CPUs of QEMU's own threads.", example="0-1")
    iothreads = option("iothreads", Int(0, 64), 0, doc="How many iothreads disks may name.")
    iothread_pin = option(
        "iothreadPin", MapOf(CPU_SET, VCPU), {}, doc="Host CPUs of each iothread, from 1.", example={"1": "0"}
    )


# libvirt drops an empty entry.
ENTRY = Text(r"[^\n\r]+", "one line of text that is not empty")


class Smbios(Declared):
    mode = option(
        "mode",
        Choice("host", "sysinfo", "emulate"),
        doc="Show the host's SMBIOS, the strings given here, or QEMU's.",
        example="sysinfo",
    )
    bios = option(
        "bios",
        MapOf(ENTRY, Choice("vendor", "version", "date", "release")),
        {},
        doc="BIOS strings: vendor, version, date, release.",
    )
    system = option(
        "system",
        MapOf(ENTRY, Choice("manufacturer", "product", "version", "serial", "uuid", "sku", "family")),
        {},
        doc="System strings: manufacturer, product, version, serial, uuid, sku, family.",
        example={"manufacturer": "HP", "product": "OMEN by HP Laptop 17"},
    )
    base_board = option(
        "baseBoard",
        MapOf(ENTRY, Choice("manufacturer", "product", "version", "serial", "asset", "location")),
        {},
        doc="Board strings: manufacturer, product, version, serial, asset, location.",
    )
