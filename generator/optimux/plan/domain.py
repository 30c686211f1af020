"""One VM: the user's words with every open question answered."""

from __future__ import annotations

import re
from collections.abc import Mapping

from optimux.facts import Facts
from optimux.findings import Findings
from optimux.options.gpus import Function, Gpu
from optimux.options.looking_glass import LookingGlass
from optimux.options.model import Options
from optimux.options.vm import Vm
from optimux.options.vm.compute import CpuTune
from optimux.pci import Address
from optimux.plan.checks import check_domain, check_together
from optimux.plan.cpus import canonical_cpus
from optimux.plan.disks import resolve_disks
from optimux.plan.driver import check_driver
from optimux.plan.hyperv import resolve_hyperv
from optimux.plan.model import DomainPlan, HostDevice, SharedMemory
from optimux.plan.placement import Layout, explicit_addresses, root_ports
from optimux.plan.platform import Platform
from optimux.plan.table import resolve_battery
from optimux.rules import since
from optimux.version import Version

VIDEO_SLOT = 0x02


def resolve_domains(
    options: Options,
    platform: Platform,
    facts: Facts,
    memories: tuple[SharedMemory, ...],
    wanted: Mapping[str, LookingGlass],
    findings: Findings,
) -> tuple[DomainPlan, ...]:
    """Every VM of the options, in their order."""
    by_gpu = {memory.gpu: memory for memory in memories}
    domains = []
    for key, vm in options.vms.items():
        path = f"vms.{key}"
        gpu = options.gpus.get(vm.gpu) if vm.gpu is not None else None
        if vm.gpu is not None and gpu is None:
            names = ", ".join(f'"{name}"' for name in options.gpus) or "none, as gpus is empty"
            findings.error(f"{path}.gpu", f'"{vm.gpu}"', f"a name of gpus: {names}", "Declare the GPU, or correct it.")
        memory = by_gpu.get(vm.gpu or "") if wanted[key].enable else None
        check_domain(vm, gpu, memory, wanted[key], options, platform, facts, path, findings)
        domains.append(_resolve(key, vm, gpu, memory, wanted[key], platform, path, findings))
    check_together(domains, findings)
    return tuple(domains)


def _resolve(
    key: str,
    vm: Vm,
    gpu: Gpu | None,
    memory: SharedMemory | None,
    looking_glass: LookingGlass,
    platform: Platform,
    path: str,
    findings: Findings,
) -> DomainPlan:
    layout = Layout(findings)
    functions = _guest_functions(vm, gpu, path) if gpu else []
    for where, _, address in functions:
        layout.take(where, address)
    ivshmem = vm.pci.ivshmem if memory else None
    layout.take(f"{path}.pci.ivshmem", ivshmem)
    for where, explicit in explicit_addresses(vm, path):
        layout.take(where, explicit)
    others = _other_devices(gpu, vm, layout, path) if gpu else []
    layout.check_functions()
    video = vm.video.address
    reserved = Layout(Findings())
    if video is None and vm.video.model != "none":
        video = _free_video_slot(vm, layout, reserved)
        layout.take(f"{path}.video.address", video)
    ports = root_ports(vm, path, layout, findings)
    battery = resolve_battery(vm.battery) if vm.battery.enable else None
    name = vm.name or key
    disks = resolve_disks(vm.disks, path, findings)
    vcpus = vm.vcpus or (vm.cpu.topology.vcpus if vm.cpu.topology else 4)
    check_driver(vm, vcpus, disks, platform.libvirt, path, findings)
    return DomainPlan(
        key=key,
        name=name,
        uuid=(vm.uuid or _uuid_of(name)).lower(),
        machine=_machine(vm, platform, path, findings),
        vcpus=vcpus,
        vm=_settled(vm),
        disks=disks,
        hyperv=resolve_hyperv(vm.hyperv, vm.clock.timers.hypervclock, platform, f"{path}.hyperv", findings),
        cpu_features=_cpu_features(vm, platform),
        root_ports=ports,
        host_devices=tuple(_host_device(vm, gpu, f, a, layout) for _, f, a in (*functions, *others)) if gpu else (),
        video_address=video,
        memory=memory,
        ivshmem=ivshmem,
        battery=battery,
        battery_path=vm.battery.path or f"/var/lib/libvirt/acpi/optimux-{key}.aml",
        battery_in_acpi=_in_acpi(vm.battery.attach, platform, path, findings),
        subsystem=_subsystem(gpu),
        looking_glass=looking_glass,
    )


def _settled(vm: Vm) -> Vm:
    """The options with the nulls resolved that no other field of the plan holds, and in libvirt's own spelling."""
    cache = vm.cpu.cache or ("none" if vm.cpu.mode == "host-model" else "passthrough")
    serials = tuple(
        serial.replace(console=index == 0 if serial.console is None else serial.console)
        for index, serial in enumerate(vm.serials)
    )
    networks = tuple(network.replace(mac=network.mac and network.mac.lower()) for network in vm.networks)
    return vm.replace(
        cpu=vm.cpu.replace(cache=cache), serials=serials, networks=networks, cpu_tune=_canonical_pins(vm.cpu_tune)
    )


def _canonical_pins(tune: CpuTune) -> CpuTune:
    return tune.replace(
        vcpu_pin={number: canonical_cpus(cpus) for number, cpus in tune.vcpu_pin.items()},
        emulator_pin=tune.emulator_pin and canonical_cpus(tune.emulator_pin),
        iothread_pin={number: canonical_cpus(cpus) for number, cpus in tune.iothread_pin.items()},
    )


def _guest_functions(vm: Vm, gpu: Gpu, path: str) -> list[tuple[str, Function, Address]]:
    """The card's passed functions: function N of the host at function N of the guest's slot."""
    return [
        (
            _guest_path(vm, f, f"functions[{index}]", path),
            f,
            f.guest_address or vm.pci.gpu.at_function(f.address.function),
        )
        for index, f in enumerate(gpu.functions)
        if f.pass_through
    ]


def _guest_path(vm: Vm, function: Function, key: str, path: str) -> str:
    return f"gpus.{vm.gpu}.{key}.guestAddress" if function.guest_address else f"{path}.pci.gpu"


def _other_devices(gpu: Gpu, vm: Vm, layout: Layout, path: str) -> list[tuple[str, Function, Address]]:
    """Each behind the next unused root port, unless it has an address."""
    placed = []
    for index, function in enumerate(gpu.other_devices):
        if function.pass_through:
            address = function.guest_address or Address(0, max(layout.buses, default=0) + 1, 0, 0)
            where = f"gpus.{vm.gpu}.otherDevices[{index}].guestAddress"
            layout.take(where, address)
            placed.append((where, function, address))
    return placed


def _free_video_slot(vm: Vm, layout: Layout, reserved: Layout) -> Address | None:
    """00:02.0, unless something or the root ports are there."""
    first = vm.pci.first_root_port.slot
    ports = vm.pci.root_ports or max(layout.buses, default=0)
    slots = range(first, first + (vm.pci.first_root_port.function + ports + 7) // 8)
    free = (slot for slot in (VIDEO_SLOT, *range(1, 0x1F)) if layout.slot_is_free(slot) and slot not in slots)
    slot = next(free, None)
    return None if slot is None else Address(0, 0, slot, 0)


def _host_device(vm: Vm, gpu: Gpu, function: Function, guest: Address, layout: Layout) -> HostDevice:
    first = function is gpu.functions[0]
    return HostDevice(
        source=function.address,
        guest=guest,
        multifunction=guest.function == 0 and layout.is_shared(guest),
        rom=gpu.rom if first and (gpu.rom.bar or gpu.rom.file) else None,
        alias="ua-gpu" if first and gpu.subsystem_ids else None,
        iommufd=vm.iommufd,
    )


def _subsystem(gpu: Gpu | None) -> tuple[tuple[str, int], ...]:
    """QEMU's vfio-pci properties that replace what the card reports."""
    if gpu is None or gpu.subsystem_ids is None:
        return ()
    ids = gpu.subsystem_ids
    return (("x-pci-sub-vendor-id", ids.vendor), ("x-pci-sub-device-id", ids.device))


def _in_acpi(attach: str | None, platform: Platform, path: str, findings: Findings) -> bool:
    has_table = platform.libvirt >= since("acpiTable")
    if attach == "acpi" and not has_table:
        found = f"acpi, with libvirt {platform.libvirt}"
        remedy = "Leave it out: an argument is used instead."
        findings.error(f"{path}.battery.attach", found, f"libvirt {since('acpiTable')} or newer", remedy)
    return has_table if attach is None else attach == "acpi"


def _machine(vm: Vm, platform: Platform, path: str, findings: Findings) -> str:
    """A versioned machine: the alias q35 would be rewritten by libvirt, and change with every update."""
    newest = f"pc-q35-{platform.qemu.major}.{platform.qemu.minor}"
    if vm.machine is None or vm.machine in ("q35", "pc-q35"):
        return newest
    version = re.search(r"[0-9.]+$", vm.machine.removeprefix("pc-").removeprefix("q35-"))
    if version and Version.parse(version[0]) > Version(platform.qemu.major, platform.qemu.minor):
        remedy = f"Use {newest}, or leave it out."
        findings.error(f"{path}.machine", vm.machine, f"a machine of QEMU {platform.qemu} or older", remedy)
    return vm.machine if vm.machine.startswith("pc-") else f"pc-{vm.machine}"


def _cpu_features(vm: Vm, platform: Platform) -> tuple[tuple[str, str], ...]:
    """``<feature>`` policies by name. Threads on AMD need topoext, a native TSC needs invtsc."""
    policies = dict.fromkeys(vm.cpu.require, "require") | dict.fromkeys(vm.cpu.disable, "disable")
    topology = vm.cpu.topology
    if platform.cpu_vendor == "amd" and topology and topology.threads > 1:
        policies.setdefault("topoext", "require")
    if vm.clock.timers.tsc_native:
        policies.setdefault("invtsc", "require")
    return tuple(policies.items())


def _uuid_of(name: str) -> str:
    """A version 5 UUID (RFC 9562 §5.5) of the name, so that the same input gives the same domain."""
    import hashlib

    digest = bytearray(hashlib.sha1(b"optimux domain " + name.encode(), usedforsecurity=False).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    text = digest.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
