"""Memory and CPU elements."""

from __future__ import annotations

from optimux.emit.xml import Element, element, on_off
from optimux.plan.guest import Cpu, CpuTune, MaxPhysAddr, MemoryBacking, Topology
from optimux.sizes import Size


def memory(size: Size) -> list[Element]:
    """``<memory>`` and ``<currentMemory>``, in KiB as libvirt writes them back."""
    return [element(name, text=str(size.kib), unit="KiB") for name in ("memory", "currentMemory")]


def memory_backing(backing: MemoryBacking) -> Element | None:
    """``<memoryBacking>``, or nothing where nothing is asked."""
    page = element("page", size=backing.hugepage_size.kib, unit="KiB") if backing.hugepage_size else None
    children = [
        element("hugepages", page) if backing.hugepages else None,
        element("nosharepages") if backing.nosharepages else None,
        element("locked") if backing.locked else None,
        element("source", type=backing.source) if backing.source else None,
        element("access", mode=backing.access) if backing.access else None,
    ]
    return element("memoryBacking", *children) if any(children) else None


def vcpu(count: int) -> Element:
    """``<vcpu>``."""
    return element("vcpu", text=str(count), placement="static")


def blockio(tune: CpuTune) -> Element | None:
    """``<iothreads>``."""
    return element("iothreads", text=str(tune.iothreads)) if tune.iothreads else None


def cpu_tune(tune: CpuTune) -> Element | None:
    """``<cputune>``: pins in the order of their numbers."""
    children = [element("vcpupin", vcpu=n, cpuset=tune.vcpu_pin[n]) for n in sorted(tune.vcpu_pin, key=int)]
    if tune.emulator_pin:
        children.append(element("emulatorpin", cpuset=tune.emulator_pin))
    pins = tune.iothread_pin
    children += [element("iothreadpin", iothread=n, cpuset=pins[n]) for n in sorted(pins, key=int)]
    return element("cputune", *children) if children else None


def cpu(options: Cpu, raw: str = "") -> Element:
    """``<cpu>``, with the user's own elements."""
    return element(
        "cpu",
        _topology(options.topology),
        _cache(options.cache),
        _max_phys_addr(options.max_phys_addr),
        *(element("feature", policy=policy, name=name) for name, policy in options.features),
        raw=raw,
        mode=options.mode,
        check=options.check,
        migratable=on_off(options.migratable),
    )


def _cache(mode: str) -> Element | None:
    """QEMU emulates the third level alone, and libvirt wants to read that."""
    return element("cache", level="3" if mode == "emulate" else None, mode=mode) if mode != "none" else None


def _topology(topology: Topology) -> Element:
    return element(
        "topology",
        sockets=topology.sockets,
        dies=topology.dies,
        cores=topology.cores,
        threads=topology.threads,
    )


def _max_phys_addr(width: MaxPhysAddr | None) -> Element | None:
    return element("maxphysaddr", mode=width.mode, bits=width.bits, limit=width.limit) if width else None
