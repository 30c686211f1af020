"""``vms``: memory, processors, and disks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from optimux.judge.propose.entry import Entry
from optimux.judge.roles import has_spice
from optimux.rules import since
from optimux.sizes import Size

if TYPE_CHECKING:
    from optimux.facts import Facts
    from optimux.facts.devices import Core
    from optimux.judge.gpus import Verdict
    from optimux.judge.propose.answers import Answers

GIB = 1 << 30
# What a desktop needs beside a guest before huge pages, which only guests use, take nothing from it.
PLENTY = 24 * GIB
LEAST, MOST = 4, 32
IMAGE_SIZE = "128GiB"
IMAGE = "/var/lib/libvirt/images/{name}.qcow2"


def default_memory(facts: Facts) -> Size:
    """Half of the host's, from 4 to 32 GiB, always less than it has."""
    host = facts.memory.bytes if facts.memory else 16 * GIB
    half = round(host / 2 / GIB)
    return Size(min(max(half, LEAST), MOST) * GIB) if host > 6 * GIB else Size(max(host // 2 // (1 << 20), 512) << 20)


def takes_hugepages(facts: Facts, memory: Size) -> bool:
    """Whether pages of 1 GiB are offered, and what is left is plenty."""
    if not facts.memory or not facts.cpu.gib_pages or memory.bytes % GIB:
        return False
    return facts.memory.bytes - memory.bytes >= PLENTY


def vm_entries(facts: Facts, verdict: Verdict | None, answers: Answers) -> Iterator[Entry]:
    """The one VM."""
    existing = answers.existing
    name = existing.name if existing else "Windows11"
    key = name if name.replace("-", "").replace("_", "").isalnum() and name.isascii() else "guest"
    table = f"vms.{key}"
    if existing and key != name:
        yield Entry(table, "name", name)
    if verdict:
        yield Entry(table, "gpu", "dgpu")
    host = f"of the host's {facts.memory.bytes / GIB:.0f}GiB" if facts.memory else "; the host's is not known"
    yield Entry(table, "memory", str(answers.memory), f"a share {host}; VFIO pins all of it.", True)
    if takes_hugepages(facts, answers.memory):
        yield Entry(table, "memoryBacking", {"hugepages": True, "hugepageSize": "1GiB"})
    yield from _cpus(facts, table)
    yield from _address_width(facts, table)
    yield _disks(answers, table, name)
    if not has_spice(facts):
        yield Entry(table, "spice.enable", False, "The picture comes from the card's own outputs, or over the network.")
        yield Entry(table, "channels", [{"type": "unix", "name": "org.qemu.guest_agent.0"}], "Without SPICE's agent.")
        yield Entry(table, "sound.model", "none", "The card's own sound function takes its place.")
    if existing and existing.mac:
        yield Entry(table, "networks", [{"mac": existing.mac}], "The domain's own.")


def _cpus(facts: Facts, table: str) -> Iterator[Entry]:
    """Whole cores: the fast ones for the guest, the efficient ones, or the first, for the host."""
    guest, host = _shared_out(list(facts.cpu.cores))
    if not guest:
        return
    threads = len(_threads(guest[0]))
    yield Entry(table, "cpu.topology", {"cores": len(guest), "threads": threads})
    cpus = [cpu for core in guest for cpu in _threads(core)]
    kinds = (
        "the efficient cores stay with the host" if any(c.kind == "E" for c in host) else "the first stay with the host"
    )
    pins = {str(number): str(cpu) for number, cpu in enumerate(cpus)}
    yield Entry(table, "cpuTune.vcpuPin", pins, f"whole cores for the guest, {kinds}.", True, "leave it out.")
    left = [cpu for core in host for cpu in _threads(core)]
    yield Entry(table, "cpuTune.emulatorPin", _ranges(sorted(left)))


def _shared_out(cores: list[Core]) -> tuple[list[Core], list[Core]]:
    """Guest's and host's cores; nothing where there are too few to share, or their threads differ."""
    fast = [core for core in cores if core.kind == "P"]
    slow = [core for core in cores if core.kind == "E"]
    if len(slow) < 2:
        caches = list(dict.fromkeys(core.shared_cache for core in fast))
        apart = len(caches) > 1 and len(fast) // len(caches) >= 4
        kept = [c for c in fast if c.shared_cache == caches[0]] if apart else fast[: max(1, len(fast) // 4)]
        slow, fast = [*kept, *slow], [core for core in fast if core not in kept]
    even = len({len(_threads(core)) for core in fast}) == 1
    return (fast, slow) if len(cores) >= 4 and even and slow else ([], [])


def _threads(core: Core) -> list[int]:
    found: list[int] = []
    for part in core.cpus.split(","):
        low, _, high = part.partition("-")
        found += range(int(low), int(high or low) + 1)
    return found


def _ranges(cpus: list[int]) -> str:
    """``0-15,32`` for sorted numbers."""
    parts: list[list[int]] = []
    for cpu in cpus:
        if parts and cpu == parts[-1][-1] + 1:
            parts[-1].append(cpu)
        else:
            parts.append([cpu])
    return ",".join(f"{part[0]}-{part[-1]}" if len(part) > 1 else str(part[0]) for part in parts)


def _address_width(facts: Facts, table: str) -> Iterator[Entry]:
    """An IOMMU that is narrower than the processor refuses what the guest puts beyond its end."""
    cpu = facts.cpu
    if not cpu.iommu_bits or not cpu.physical_bits or cpu.iommu_bits >= cpu.physical_bits:
        return
    why = f"The IOMMU translates {cpu.iommu_bits} bits, the processor has {cpu.physical_bits}."
    old = facts.libvirt_version is not None and facts.libvirt_version < since("maxPhysAddrLimit")
    width: dict[str, Any] = {"mode": "emulate", "bits": cpu.iommu_bits} if old else {"limit": cpu.iommu_bits}
    yield Entry(table, "cpu.maxPhysAddr", width, why)


def _disks(answers: Answers, table: str, name: str) -> Entry:
    if answers.existing:
        return Entry(table, "disks", list(answers.existing.disks), "The domain's own.")
    if answers.disk and answers.disk.startswith("/dev/"):
        return Entry(table, "disks", [{"source": answers.disk, "type": "block", "bootOrder": 1}], "A whole disk.")
    path = answers.disk or IMAGE.format(name=name)
    why = f"an image of {IMAGE_SIZE}, made with the VM where there is none; it takes room as it fills."
    image = {"source": path, "create": IMAGE_SIZE, "bootOrder": 1}
    return Entry(table, "disks", [image], why, True, 'a disk: type = "block", source = "/dev/disk/by-id/…".')
