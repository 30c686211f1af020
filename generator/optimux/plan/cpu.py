"""The CPU that the guest sees."""

from __future__ import annotations

from optimux.plan.devices import settled
from optimux.plan.guest import Cpu, MaxPhysAddr, Topology
from optimux.plan.wanted import Wanted
from optimux.rules import rules, since
from optimux.version import Version


def resolve_cpu(wanted: Wanted) -> Cpu:
    """The CPU with topology, caches and features; without a topology one socket with a core for each vCPU."""
    cpu = wanted.vm.cpu
    topology = settled(Topology, cpu.topology) if cpu.topology else Topology(1, 1, wanted.vcpus, 1)
    return settled(
        Cpu,
        cpu,
        migratable=cpu.migratable if cpu.mode != "host-model" else None,
        cache=cpu.cache or ("none" if cpu.mode == "host-model" else "passthrough"),
        max_phys_addr=_max_phys_addr(wanted),
        topology=topology,
        features=_features(wanted),
    )


def _max_phys_addr(wanted: Wanted) -> MaxPhysAddr | None:
    """As stated; where the host's IOMMU is narrower than its CPU, never wider than that.

    The guest would put a BAR where the IOMMU cannot map it: VFIO_MAP_DMA failed: -22.
    """
    stated, cpu = wanted.vm.cpu.max_phys_addr, wanted.facts.cpu
    width = settled(MaxPhysAddr, stated) if stated else None
    if wanted.gpu is None or not (cpu.iommu_bits and cpu.physical_bits and cpu.iommu_bits < cpu.physical_bits):
        return width
    if stated and (stated.mode == "emulate" or stated.limit is not None):
        return width
    if wanted.platform.libvirt >= since("maxPhysAddrLimit"):
        key, narrow = "limit", MaxPhysAddr("passthrough", None, cpu.iommu_bits)
    else:
        key, narrow = "bits", MaxPhysAddr("emulate", cpu.iommu_bits, None)
    found = f"the CPU's {cpu.physical_bits} bits"
    allowed = f"at most the IOMMU's {cpu.iommu_bits} bits"
    remedy = f'It is set to mode = "{narrow.mode}", {key} = {cpu.iommu_bits}; state cpu.maxPhysAddr for another.'
    wanted.warn("cpu.maxPhysAddr", found, allowed, remedy)
    return narrow


def _features(wanted: Wanted) -> tuple[tuple[str, str], ...]:
    """``<feature>`` policies by name. Threads on AMD need topoext, a native TSC needs invtsc.

    An old QEMU shows AMD guests Intel's arch-capabilities, on which Windows stops with a blue screen.
    """
    vm = wanted.vm
    policies = dict.fromkeys(vm.cpu.require, "require") | dict.fromkeys(vm.cpu.disable, "disable")
    topology = vm.cpu.topology
    if wanted.platform.cpu_vendor == "amd" and topology and topology.threads > 1:
        policies.setdefault("topoext", "require")
    if wanted.platform.cpu_vendor == "amd" and wanted.platform.qemu < Version.parse(
        rules()["qemu"]["archCapabilities"]
    ):
        policies.setdefault("arch-capabilities", "disable")
    if vm.clock.timers.tsc_native:
        policies.setdefault("invtsc", "require")
    return tuple(policies.items())
