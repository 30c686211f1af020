"""The CPU that the guest sees."""

from __future__ import annotations

from optimux.plan.devices import settled
from optimux.plan.guest import Cpu, MaxPhysAddr, Topology
from optimux.plan.wanted import Wanted


def resolve_cpu(wanted: Wanted) -> Cpu:
    """The CPU with topology, caches and features; without a topology one socket with a core for each vCPU."""
    cpu = wanted.vm.cpu
    topology = settled(Topology, cpu.topology) if cpu.topology else Topology(1, 1, wanted.vcpus, 1)
    return settled(
        Cpu,
        cpu,
        migratable=cpu.migratable if cpu.mode != "host-model" else None,
        cache=cpu.cache or ("none" if cpu.mode == "host-model" else "passthrough"),
        max_phys_addr=settled(MaxPhysAddr, cpu.max_phys_addr) if cpu.max_phys_addr else None,
        topology=topology,
        features=_features(wanted),
    )


def _features(wanted: Wanted) -> tuple[tuple[str, str], ...]:
    """``<feature>`` policies by name. Threads on AMD need topoext, a native TSC needs invtsc."""
    vm = wanted.vm
    policies = dict.fromkeys(vm.cpu.require, "require") | dict.fromkeys(vm.cpu.disable, "disable")
    topology = vm.cpu.topology
    if wanted.platform.cpu_vendor == "amd" and topology and topology.threads > 1:
        policies.setdefault("topoext", "require")
    if vm.clock.timers.tsc_native:
        policies.setdefault("invtsc", "require")
    return tuple(policies.items())
