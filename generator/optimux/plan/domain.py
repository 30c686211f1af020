"""One VM: the user's words with every open question answered."""

from __future__ import annotations

import re
from collections.abc import Mapping

from optimux.declare.kind import joined
from optimux.facts import Facts
from optimux.findings import Findings
from optimux.options.gpus import Gpu
from optimux.options.looking_glass import LookingGlass
from optimux.options.model import Options
from optimux.options.vm import compute as options
from optimux.options.vm import machine as machine_options
from optimux.options.vm import platform as platform_options
from optimux.plan.checks import check_domain, check_together
from optimux.plan.checks.fragments import elements
from optimux.plan.cpu import resolve_cpu
from optimux.plan.cpus import canonical_cpus
from optimux.plan.devices import settled
from optimux.plan.disks import in_libvirts_order, resolve_disks
from optimux.plan.gpus import planned_functions
from optimux.plan.guest import (
    Clock,
    CpuTune,
    ExtraXml,
    Features,
    Firmware,
    Lifecycle,
    MemoryBacking,
    PowerManagement,
    Smbios,
    Timers,
)
from optimux.plan.guest_media import for_release, resolve_media
from optimux.plan.hyperv import resolve_hyperv
from optimux.plan.model import OTHER_IVSHMEM_ID, DomainPlan, SharedMemory
from optimux.plan.pci_topology import pci_topology
from optimux.plan.picture import planned_looking_glass
from optimux.plan.planned import planned_devices, planned_disks
from optimux.plan.platform import BY_LIBVIRT, BY_QEMU, Platform
from optimux.plan.requested import Requested
from optimux.plan.table import resolve_battery
from optimux.plan.uuids import uuid_of
from optimux.plan.wanted import Wanted
from optimux.plan.windows import resolve_windows, with_media
from optimux.rules import rules, since
from optimux.version import Version


def resolve_domains(
    model: Options,
    platform: Platform,
    facts: Facts,
    memories: tuple[SharedMemory, ...],
    looking_glass: Mapping[str, LookingGlass],
    stated: Mapping[str, Requested],
    findings: Findings,
) -> tuple[DomainPlan, ...]:
    """Every VM of the options, in their order."""
    by_gpu = {memory.gpu: memory for memory in memories}
    domains = []
    for key, vm in model.vms.items():
        gpu = model.gpus.get(vm.gpu) if vm.gpu is not None else None
        memory = by_gpu.get(vm.gpu or "") if looking_glass[key].enable else None
        requested = stated.get(key, Requested())
        wanted = Wanted(
            key=key,
            vm=for_release(with_media(vm), key, memory.release if memory else None),
            gpu=gpu,
            shared_memory=memory,
            looking_glass=looking_glass[key],
            requested=requested,
            options=model,
            platform=platform,
            facts=facts,
            findings=findings,
        )
        if vm.gpu is not None and gpu is None:
            names = ", ".join(f'"{name}"' for name in model.gpus) or "none, as gpus is empty"
            remedy = "Declare the GPU, or correct it."
            wanted.error("gpu", f'"{vm.gpu}"', f"a name of gpus: {names}", remedy, [joined("gpus", vm.gpu)])
        domains.append(_resolve(wanted))
    check_together(domains, findings)
    return tuple(domains)


def _resolve(wanted: Wanted) -> DomainPlan:
    vm = wanted.vm
    disks = resolve_disks(wanted)
    check_domain(wanted, disks)
    topology = pci_topology(wanted, disks)
    name = vm.name or wanted.key
    late = wanted.gpu is not None and wanted.gpu.bind == "on-demand"
    return DomainPlan(
        key=wanted.key,
        name=name,
        uuid=(vm.uuid or uuid_of("domain", name)).lower(),
        os_id=vm.os_id,
        ram=vm.memory,
        memory_backing=settled(MemoryBacking, vm.memory_backing),
        vcpus=wanted.vcpus,
        cpu=resolve_cpu(wanted),
        cpu_tune=_cpu_tune(vm.cpu_tune),
        smbios=settled(Smbios, vm.smbios) if vm.smbios else None,
        machine=_machine(wanted),
        emulator=vm.emulator,
        firmware=(firmware := _firmware(vm.firmware, wanted.platform.distribution)),
        features=settled(Features, vm.features, smm=firmware.secure_boot != "off"),
        hyperv=resolve_hyperv(wanted),
        clock=settled(Clock, vm.clock, timers=settled(Timers, vm.clock.timers)),
        lifecycle=settled(Lifecycle, vm.lifecycle),
        power_management=settled(PowerManagement, vm.power_management),
        hole64=vm.pci.hole64,
        root_ports=topology.root_ports,
        disks=in_libvirts_order(planned_disks(disks, topology.disks)),
        **planned_devices(vm, topology),
        sata=topology.sata,
        scsi_controllers=topology.scsi_controllers,
        virtio_serial=topology.virtio_serial,
        memballoon=vm.memballoon,
        host_devices=topology.host_devices,
        shared_memory=wanted.shared_memory,
        ivshmem=topology.ivshmem,
        ivshmem_id=_ivshmem_id(vm.extra_xml),
        battery=resolve_battery(vm.battery) if vm.battery.enable else None,
        battery_path=vm.battery.path or f"/var/lib/libvirt/acpi/optimux-{wanted.key}.aml",
        battery_in_acpi=_in_acpi(wanted),
        subsystem=_subsystem(wanted.gpu),
        extra_xml=settled(ExtraXml, vm.extra_xml),
        looking_glass=planned_looking_glass(wanted.looking_glass),
        card=planned_functions(wanted.gpu) if wanted.gpu else (),
        guest_media=resolve_media(wanted),
        windows=resolve_windows(wanted, disks),
        autostart=vm.autostart,
        prepare=vm.hooks.prepare,
        release=vm.hooks.release,
        isolated_cpus=_isolated(vm),
        governor=vm.while_running.governor,
        makes_hugepages=vm.while_running.hugepages,
        hands_over=late and bool(topology.host_devices),
        guarded=() if late else tuple(device.source for device in topology.host_devices),
        requested=wanted.requested,
    )


def _firmware(firmware: platform_options.Firmware, distribution: str) -> Firmware:
    """The state where none is stated; on NixOS the images with enrolled keys, which QEMU's own descriptions lack."""
    automatic = firmware.type == "efi" and firmware.loader is None
    state = firmware.secure_boot or ("capable" if automatic else "off")
    if distribution == "nixos" and automatic and state == "on":
        images = rules()["firmware"]["enrolledKeys"]
        firmware = firmware.replace(loader=images["code"], nvram_template=images["vars"])
    return settled(Firmware, firmware, secure_boot=state, automatic=automatic and firmware.loader is None)


def _ivshmem_id(extra: platform_options.ExtraXml) -> str:
    """libvirt counts <shmem> elements, and gives the first one the id that guides give the device."""
    return OTHER_IVSHMEM_ID if "shmem" in elements(extra.devices) else "shmem0"


def _isolated(vm: machine_options.Vm) -> str | None:
    pins = ",".join(map(canonical_cpus, vm.cpu_tune.vcpu_pin.values()))
    return canonical_cpus(pins) if vm.while_running.isolate_cpus and pins else None


def _cpu_tune(tune: options.CpuTune) -> CpuTune:
    return settled(
        CpuTune,
        tune,
        vcpu_pin={number: canonical_cpus(cpus) for number, cpus in tune.vcpu_pin.items()},
        emulator_pin=tune.emulator_pin and canonical_cpus(tune.emulator_pin),
        iothread_pin={number: canonical_cpus(cpus) for number, cpus in tune.iothread_pin.items()},
    )


def _subsystem(gpu: Gpu | None) -> tuple[tuple[str, int], ...]:
    """QEMU's vfio-pci properties that replace what the card reports."""
    if gpu is None or gpu.subsystem_ids is None:
        return ()
    ids = gpu.subsystem_ids
    return (("x-pci-sub-vendor-id", ids.vendor), ("x-pci-sub-device-id", ids.device))


def _in_acpi(wanted: Wanted) -> bool:
    attach, libvirt = wanted.vm.battery.attach, wanted.platform.libvirt
    has_table = libvirt >= since("acpiTable")
    if attach == "acpi" and not has_table:
        allowed, remedy = f"libvirt {since('acpiTable')} or newer", "Leave it out: an argument is used instead."
        wanted.error("battery.attach", f"acpi, with libvirt {libvirt}", allowed, remedy, BY_LIBVIRT)
    return has_table if attach is None else attach == "acpi"


def _machine(wanted: Wanted) -> str:
    """A versioned machine: the alias q35 would be rewritten by libvirt, and change with every update."""
    stated, qemu = wanted.vm.machine, wanted.platform.qemu
    newest = f"pc-q35-{qemu.major}.{qemu.minor}"
    if stated is None or stated in ("q35", "pc-q35"):
        return newest
    version = re.search(r"[0-9.]+$", stated.removeprefix("pc-").removeprefix("q35-"))
    if version and Version.parse(version[0]) > Version(qemu.major, qemu.minor):
        remedy = f"Use {newest}, or leave it out."
        wanted.error("machine", stated, f"a machine of QEMU {qemu} or older", remedy, BY_QEMU)
    return stated if stated.startswith("pc-") else f"pc-{stated}"
