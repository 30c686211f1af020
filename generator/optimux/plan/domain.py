"""One VM: the user's words with every open question answered."""

from __future__ import annotations

import re
from collections.abc import Mapping

from optimux.facts import Facts
from optimux.findings import Findings
from optimux.options.gpus import Gpu
from optimux.options.looking_glass import LookingGlass
from optimux.options.model import Options
from optimux.options.vm import Vm
from optimux.options.vm.compute import CpuTune, Topology
from optimux.options.vm.devices import Serial
from optimux.options.vm.platform import Firmware
from optimux.plan.checks import check_domain, check_together
from optimux.plan.cpus import canonical_cpus
from optimux.plan.disks import in_libvirts_order, resolve_disks
from optimux.plan.hyperv import resolve_hyperv
from optimux.plan.model import DomainPlan, SharedMemory
from optimux.plan.pci_topology import place
from optimux.plan.platform import Platform
from optimux.plan.requested import Requested
from optimux.plan.table import resolve_battery
from optimux.plan.uuids import uuid_of
from optimux.plan.wanted import Wanted
from optimux.rules import rules, since
from optimux.version import Version


def resolve_domains(
    options: Options,
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
    for key, vm in options.vms.items():
        gpu = options.gpus.get(vm.gpu) if vm.gpu is not None else None
        memory = by_gpu.get(vm.gpu or "") if looking_glass[key].enable else None
        wanted = Wanted(
            key=key,
            vm=vm,
            gpu=gpu,
            shared_memory=memory,
            looking_glass=looking_glass[key],
            requested=stated.get(key, Requested()),
            options=options,
            platform=platform,
            facts=facts,
            findings=findings,
        )
        if vm.gpu is not None and gpu is None:
            names = ", ".join(f'"{name}"' for name in options.gpus) or "none, as gpus is empty"
            wanted.error("gpu", f'"{vm.gpu}"', f"a name of gpus: {names}", "Declare the GPU, or correct it.")
        domains.append(_resolve(wanted))
    check_together(domains, findings)
    return tuple(domains)


def _resolve(wanted: Wanted) -> DomainPlan:
    vm = wanted.vm
    disks = resolve_disks(wanted)
    check_domain(wanted, disks)
    places = place(wanted)
    name = vm.name or wanted.key
    return DomainPlan(
        key=wanted.key,
        name=name,
        uuid=(vm.uuid or uuid_of("domain", name)).lower(),
        os_id=vm.os_id,
        ram=vm.memory,
        memory_backing=vm.memory_backing,
        vcpus=wanted.vcpus,
        cpu=vm.cpu.replace(cache=vm.cpu.cache or ("none" if vm.cpu.mode == "host-model" else "passthrough")),
        topology=vm.cpu.topology or Topology(cores=wanted.vcpus, threads=1),
        cpu_features=_cpu_features(wanted),
        cpu_tune=_canonical_pins(vm.cpu_tune),
        smbios=vm.smbios,
        machine=_machine(wanted),
        emulator=vm.emulator,
        firmware=_firmware(vm.firmware, wanted.platform.distribution),
        features=vm.features,
        hyperv=resolve_hyperv(wanted),
        clock=vm.clock,
        lifecycle=vm.lifecycle,
        power_management=vm.power_management,
        hole64=vm.pci.hole64,
        disks=in_libvirts_order(disks),
        networks=tuple(network.replace(mac=network.mac and network.mac.lower()) for network in vm.networks),
        usb=vm.usb,
        inputs=vm.inputs,
        evdev=vm.evdev,
        spice=vm.spice,
        channels=vm.channels,
        virtio_serial_address=vm.virtio_serial_address,
        sound=vm.sound,
        video=vm.video,
        video_address=places.video,
        tpm=vm.tpm,
        serials=_serials(vm),
        watchdog=vm.watchdog,
        memballoon=vm.memballoon,
        extra_xml=vm.extra_xml,
        root_ports=places.root_ports,
        host_devices=places.host_devices,
        shared_memory=wanted.shared_memory,
        ivshmem=vm.pci.ivshmem if wanted.shared_memory else None,
        battery=resolve_battery(vm.battery) if vm.battery.enable else None,
        battery_path=vm.battery.path or f"/var/lib/libvirt/acpi/optimux-{wanted.key}.aml",
        battery_in_acpi=_in_acpi(wanted),
        subsystem=_subsystem(wanted.gpu),
        looking_glass=wanted.looking_glass,
        autostart=vm.autostart,
        prepare=vm.hooks.prepare,
        release=vm.hooks.release,
        requested=wanted.requested,
    )


def _serials(vm: Vm) -> tuple[Serial, ...]:
    return tuple(
        serial.replace(console=index == 0 if serial.console is None else serial.console)
        for index, serial in enumerate(vm.serials)
    )


def _firmware(firmware: Firmware, distribution: str) -> Firmware:
    """On NixOS the images with enrolled keys, which QEMU's own descriptions of firmware do not have."""
    if distribution != "nixos" or firmware.type == "bios" or not firmware.secure_boot or firmware.loader:
        return firmware
    images = rules()["firmware"]["enrolledKeys"]
    return firmware.replace(loader=images["code"], nvram_template=images["vars"])


def _canonical_pins(tune: CpuTune) -> CpuTune:
    return tune.replace(
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
        wanted.error("battery.attach", f"acpi, with libvirt {libvirt}", allowed, remedy)
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
        wanted.error("machine", stated, f"a machine of QEMU {qemu} or older", remedy)
    return stated if stated.startswith("pc-") else f"pc-{stated}"


def _cpu_features(wanted: Wanted) -> tuple[tuple[str, str], ...]:
    """``<feature>`` policies by name. Threads on AMD need topoext, a native TSC needs invtsc."""
    vm = wanted.vm
    policies = dict.fromkeys(vm.cpu.require, "require") | dict.fromkeys(vm.cpu.disable, "disable")
    topology = vm.cpu.topology
    if wanted.platform.cpu_vendor == "amd" and topology and topology.threads > 1:
        policies.setdefault("topoext", "require")
    if vm.clock.timers.tsc_native:
        policies.setdefault("invtsc", "require")
    return tuple(policies.items())
