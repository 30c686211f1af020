"""Memory, CPUs and pinning against each other and against the host."""

from __future__ import annotations

from optimux.plan.platform import BY_CPU_VENDOR, BY_LIBVIRT
from optimux.plan.wanted import Wanted
from optimux.rules import since


def check_compute(wanted: Wanted) -> None:
    """Everything about a VM's memory and CPUs."""
    _check_memory(wanted)
    _check_cpu(wanted)
    _check_pinning(wanted)


def _check_memory(wanted: Wanted) -> None:
    vm = wanted.vm
    if wanted.facts.memory and vm.memory.bytes >= wanted.facts.memory.bytes:
        allowed = f"less than the host's {wanted.facts.memory}"
        wanted.error("memory", vm.memory, allowed, "VFIO pins all of it: leave the host some.", ["facts.memory"])
    backing = vm.memory_backing
    if vm.while_running.hugepages and not backing.hugepages:
        remedy = "Set memoryBacking.hugepages = true, or leave it out."
        wanted.error("whileRunning.hugepages", "true", "true beside huge pages", remedy, ["memoryBacking.hugepages"])
    if backing.hugepages:
        reserved = sum(
            pages.size.bytes * pages.count
            for pages in wanted.options.host.hugepages
            if backing.hugepage_size in (None, pages.size)
        )
        if reserved < vm.memory.bytes and not vm.while_running.hugepages:
            remedy = "Reserve them in host.hugepages, or have them made for each start (whileRunning.hugepages)."
            found = f"{reserved >> 20}MiB of huge pages reserved"
            wanted.warn("memoryBacking.hugepages", found, f"at least {vm.memory}", remedy)
    elif backing.hugepage_size:
        because = ["memoryBacking.hugepages"]
        wanted.error("memoryBacking.hugepageSize", backing.hugepage_size, "only with hugepages", "Remove it.", because)


def _check_cpu(wanted: Wanted) -> None:
    vm = wanted.vm
    topology, cpu = vm.cpu.topology, vm.cpu
    if topology and vm.vcpus and topology.vcpus != vm.vcpus:
        allowed, remedy = f"{topology.vcpus}, the topology's product", "Leave one of them out."
        wanted.error("vcpus", vm.vcpus, allowed, remedy, ["cpu.topology"])
    if wanted.platform.cpu_vendor == "intel" and "topoext" in cpu.require:
        remedy = "topoext is AMD's; remove it."
        wanted.error("cpu.require", "topoext", "features of an Intel CPU", remedy, BY_CPU_VENDOR)
    for feature in set(cpu.require) & set(cpu.disable):
        wanted.error("cpu.disable", feature, "not in cpu.require too", "Choose one.", ["cpu.require"])
    width = cpu.max_phys_addr
    if width is None:
        return
    where = "cpu.maxPhysAddr"
    if width.limit is not None and wanted.platform.libvirt < since("maxPhysAddrLimit"):
        found = f"{width.limit}, with libvirt {wanted.platform.libvirt}, which drops it silently"
        allowed = f"libvirt {since('maxPhysAddrLimit')} or newer"
        wanted.error(f"{where}.limit", found, allowed, 'Use mode = "emulate" with bits.', BY_LIBVIRT)
    if (width.mode == "emulate") != (width.bits is not None):
        bits, allowed = width.bits or "nothing", "a width with emulate alone"
        wanted.error(f"{where}.bits", bits, allowed, "Match mode and bits.", [f"{where}.mode"])
    if width.mode == "emulate" and width.limit is not None:
        wanted.error(f"{where}.limit", width.limit, "only with passthrough", "Remove it.", [f"{where}.mode"])
    if wanted.facts.cpu.iommu_bits and max(width.limit or 0, width.bits or 0) > wanted.facts.cpu.iommu_bits:
        allowed = f"at most the IOMMU's {wanted.facts.cpu.iommu_bits} bits"
        wanted.error(where, width.limit or width.bits, allowed, "Lower it.", ["facts.cpu"])


def _check_pinning(wanted: Wanted) -> None:
    vm = wanted.vm
    tune = vm.cpu_tune
    if wanted.vm.while_running.isolate_cpus and not tune.vcpu_pin:
        remedy = "Pin the vCPUs (cpuTune.vcpuPin), or leave it out."
        wanted.error("whileRunning.isolateCpus", "true", "true beside pinned vCPUs", remedy, ["cpuTune.vcpuPin"])
    sets = [(f"cpuTune.vcpuPin.{number}", cpus) for number, cpus in tune.vcpu_pin.items()]
    sets += [(f"cpuTune.iothreadPin.{number}", cpus) for number, cpus in tune.iothread_pin.items()]
    if tune.emulator_pin:
        sets.append(("cpuTune.emulatorPin", tune.emulator_pin))
    for where, cpus in sets:
        _check_cpu_set(wanted, where, cpus)
    for number in tune.vcpu_pin:
        where = f"cpuTune.vcpuPin.{number}"
        if number != str(int(number)):
            wanted.error(where, number, "a number without leading zeros", f'Write "{int(number)}", once.')
        elif int(number) >= wanted.vcpus:
            allowed, remedy = f"0 to {wanted.vcpus - 1}", f"The VM has {wanted.vcpus} vCPUs."
            wanted.error(where, f"vCPU {number}", allowed, remedy, ["vcpus", "cpu.topology"])
    threads = [(f"cpuTune.iothreadPin.{number}", int(number)) for number in tune.iothread_pin]
    threads += [(f"disks[{index}].iothread", disk.iothread) for index, disk in enumerate(vm.disks) if disk.iothread]
    for key, thread in threads:
        if not 1 <= thread <= tune.iothreads:
            wanted.error(key, thread, f"1 to {tune.iothreads}", "Raise cpuTune.iothreads.", ["cpuTune.iothreads"])


def _check_cpu_set(wanted: Wanted, key: str, cpus: str) -> None:
    for part in cpus.replace("^", "").split(","):
        first, _, last = part.partition("-")
        low, high = int(first), int(last or first)
        if high < low:
            wanted.error(key, part, "a range from low to high", f"Write {high}-{low}.")
        elif wanted.facts.cpu.threads and high >= wanted.facts.cpu.threads:
            allowed = f"CPUs 0 to {wanted.facts.cpu.threads - 1}"
            wanted.error(key, part, allowed, "The host has no such CPU.", ["facts.cpu"])
