"""Rules between the options of one VM, and between VMs."""

from __future__ import annotations

from optimux.facts import Facts
from optimux.findings import Findings
from optimux.options.gpus import Gpu
from optimux.options.looking_glass import LookingGlass
from optimux.options.model import Options
from optimux.options.vm import Vm
from optimux.options.vm.platform import ExtraXml
from optimux.plan.model import DomainPlan, SharedMemory
from optimux.plan.platform import Platform
from optimux.rules import rules, since

# libxml2 refuses documents of more than 256 levels (XML_PARSER_MAX_DEPTH); some are ours.
MOST_NESTED = 200


def check_domain(
    vm: Vm,
    gpu: Gpu | None,
    memory: SharedMemory | None,
    looking_glass: LookingGlass,
    options: Options,
    platform: Platform,
    facts: Facts,
    path: str,
    findings: Findings,
) -> None:
    """Everything about one VM that does not belong to a module of its own."""
    _check_memory(vm, options, facts, path, findings)
    _check_cpu(vm, platform, facts, path, findings)
    _check_pinning(vm, facts, path, findings)
    _check_iommufd(vm, memory, platform, path, findings)
    _check_battery(vm, platform, path, findings)
    _check_firmware(vm, path, findings)
    _check_devices(vm, platform, path, findings)
    _check_extra_xml(vm, path, findings)
    if memory:
        _advise_looking_glass(vm, looking_glass, path, findings)
    if gpu:
        _advise_passthrough(vm, path, findings)


def _check_memory(vm: Vm, options: Options, facts: Facts, path: str, findings: Findings) -> None:
    if facts.memory and vm.memory.bytes >= facts.memory.bytes:
        allowed = f"less than the host's {facts.memory}"
        findings.error(f"{path}.memory", vm.memory, allowed, "VFIO pins all of it: leave the host some.")
    backing = vm.memory_backing
    if backing.hugepages:
        reserved = sum(
            pages.size.bytes * pages.count
            for pages in options.host.hugepages
            if backing.hugepage_size in (None, pages.size)
        )
        if reserved < vm.memory.bytes:
            remedy = "Reserve them in host.hugepages, or by hand before the VM starts."
            found = f"{reserved >> 20}MiB of huge pages reserved"
            findings.warn(f"{path}.memoryBacking.hugepages", found, f"at least {vm.memory}", remedy)
    elif backing.hugepage_size:
        findings.error(f"{path}.memoryBacking.hugepageSize", backing.hugepage_size, "only with hugepages", "Remove it.")


def _check_cpu(vm: Vm, platform: Platform, facts: Facts, path: str, findings: Findings) -> None:
    topology, cpu = vm.cpu.topology, vm.cpu
    if topology and vm.vcpus and topology.vcpus != vm.vcpus:
        findings.error(f"{path}.vcpus", vm.vcpus, f"{topology.vcpus}, the topology's product", "Leave one of them out.")
    if platform.cpu_vendor == "intel" and "topoext" in cpu.require:
        findings.error(f"{path}.cpu.require", "topoext", "features of an Intel CPU", "topoext is AMD's; remove it.")
    for feature in set(cpu.require) & set(cpu.disable):
        findings.error(f"{path}.cpu.disable", feature, "not in cpu.require too", "Choose one.")
    width = cpu.max_phys_addr
    if width is None:
        return
    where = f"{path}.cpu.maxPhysAddr"
    if width.limit is not None and platform.libvirt < since("maxPhysAddrLimit"):
        found = f"{width.limit}, with libvirt {platform.libvirt}, which drops it silently"
        allowed = f"libvirt {since('maxPhysAddrLimit')} or newer"
        findings.error(f"{where}.limit", found, allowed, 'Use mode = "emulate" with bits.')
    if (width.mode == "emulate") != (width.bits is not None):
        findings.error(f"{where}.bits", width.bits or "nothing", "a width with emulate alone", "Match mode and bits.")
    if width.mode == "emulate" and width.limit is not None:
        findings.error(f"{where}.limit", width.limit, "only with passthrough", "Remove it.")
    if facts.cpu.iommu_bits and max(width.limit or 0, width.bits or 0) > facts.cpu.iommu_bits:
        findings.error(
            where, width.limit or width.bits, f"at most the IOMMU's {facts.cpu.iommu_bits} bits", "Lower it."
        )


def _check_pinning(vm: Vm, facts: Facts, path: str, findings: Findings) -> None:
    tune = vm.cpu_tune
    vcpus = vm.vcpus or (vm.cpu.topology.vcpus if vm.cpu.topology else 4)
    sets = [(f"{path}.cpuTune.vcpuPin.{number}", cpus) for number, cpus in tune.vcpu_pin.items()]
    sets += [(f"{path}.cpuTune.iothreadPin.{number}", cpus) for number, cpus in tune.iothread_pin.items()]
    if tune.emulator_pin:
        sets.append((f"{path}.cpuTune.emulatorPin", tune.emulator_pin))
    for where, cpus in sets:
        _check_cpu_set(where, cpus, facts, findings)
    for number in tune.vcpu_pin:
        where = f"{path}.cpuTune.vcpuPin.{number}"
        if number != str(int(number)):
            findings.error(where, number, "a number without leading zeros", f'Write "{int(number)}", once.')
        elif int(number) >= vcpus:
            findings.error(where, f"vCPU {number}", f"0 to {vcpus - 1}", f"The VM has {vcpus} vCPUs.")
    threads = [(f"cpuTune.iothreadPin.{number}", int(number)) for number in tune.iothread_pin]
    threads += [(f"disks[{index}].iothread", disk.iothread) for index, disk in enumerate(vm.disks) if disk.iothread]
    for key, thread in threads:
        if not 1 <= thread <= tune.iothreads:
            findings.error(f"{path}.{key}", thread, f"1 to {tune.iothreads}", "Raise cpuTune.iothreads.")


def _check_cpu_set(path: str, cpus: str, facts: Facts, findings: Findings) -> None:
    for part in cpus.replace("^", "").split(","):
        first, _, last = part.partition("-")
        low, high = int(first), int(last or first)
        if high < low:
            findings.error(path, part, "a range from low to high", f"Write {high}-{low}.")
        elif facts.cpu.threads and high >= facts.cpu.threads:
            findings.error(path, part, f"CPUs 0 to {facts.cpu.threads - 1}", "The host has no such CPU.")


def _check_iommufd(vm: Vm, memory: SharedMemory | None, platform: Platform, path: str, findings: Findings) -> None:
    if not vm.iommufd:
        return
    if platform.libvirt < since("iommufd"):
        found = f"true, with libvirt {platform.libvirt}"
        findings.error(f"{path}.iommufd", found, f"libvirt {since('iommufd')} or newer", "Leave it out.")
    if memory and memory.kind == "kvmfr":
        remedy = 'Set lookingGlass.memory = "shm": iommufd cannot map a character device.'
        findings.error(f"{path}.iommufd", "true, with kvmfr memory", "not both", remedy)


def _check_battery(vm: Vm, platform: Platform, path: str, findings: Findings) -> None:
    """libvirt's virt-aa-helper writes no rule for some folders; then QEMU cannot read the table."""
    table = vm.battery.path
    if not vm.battery.enable or table is None:
        return
    if ".." in table.split("/") or "//" in table:
        findings.error(f"{path}.battery.path", table, "a path without .. or //", "Write it plainly.")
    # A comma ends -acpitable's file= (QEMU's option syntax), and a colon joins files.
    if "," in table or ":" in table:
        findings.error(f"{path}.battery.path", table, "a path without , and :", "QEMU splits there; rename it.")
    refused = next((p for p in rules()["apparmor"]["refusedPrefixes"] if table.startswith(p)), None)
    if refused and platform.security_module == "apparmor":
        remedy = "Use /var/lib/libvirt/acpi/…, or leave it out."
        findings.error(f"{path}.battery.path", table, f"nothing below {refused}, which AppArmor refuses", remedy)


def _check_firmware(vm: Vm, path: str, findings: Findings) -> None:
    firmware = vm.firmware
    where = f"{path}.firmware"
    for key, value in (("loader", firmware.loader), ("nvramTemplate", firmware.nvram_template)):
        if value and firmware.type == "bios":
            findings.error(f"{where}.{key}", value, 'only with type = "efi"', "Remove it.")
    if firmware.nvram_template and not firmware.loader:
        findings.error(f"{where}.nvramTemplate", firmware.nvram_template, "only with a loader", "Add firmware.loader.")
    if firmware.secure_boot and firmware.type == "bios":
        findings.error(f"{where}.secureBoot", "true", 'only with type = "efi"', "Remove it.")


def _check_devices(vm: Vm, platform: Platform, path: str, findings: Findings) -> None:
    if vm.watchdog and vm.watchdog.model == "itco" and platform.libvirt < since("itcoWatchdog"):
        found = f"itco, with libvirt {platform.libvirt}"
        allowed = f"libvirt {since('itcoWatchdog')} or newer"
        findings.error(f"{path}.watchdog.model", found, allowed, 'Use "i6300esb".')
    if vm.sound.backend == "pipewire" and platform.libvirt < since("pipewireAudio"):
        found = f"pipewire, with libvirt {platform.libvirt}"
        findings.error(f"{path}.sound.backend", found, f"libvirt {since('pipewireAudio')} or newer", 'Use "spice".')
    for index, item in enumerate(vm.inputs):
        if item.address and item.bus != "virtio":
            findings.error(f"{path}.inputs[{index}].address", item.address, "virtio only", "Remove it.")
        if item.type == "tablet" and item.bus == "ps2":
            findings.error(f"{path}.inputs[{index}].bus", "ps2", "usb or virtio for a tablet", 'Use "virtio".')
    for index, serial in enumerate(vm.serials):
        if (serial.type == "pty") == (serial.path is not None):
            found = serial.path or "nothing"
            findings.error(f"{path}.serials[{index}].path", found, "a path with file or unix", "Match type and path.")
    _check_spice(vm, path, findings)
    _check_boot_order(vm, path, findings)
    if vm.smbios and "uuid" in vm.smbios.system:
        stated = vm.smbios.system["uuid"].lower()
        if stated != (vm.uuid or "").lower():
            findings.error(f"{path}.smbios.system.uuid", stated, "the domain's uuid", "Set uuid to the same.")


def _check_spice(vm: Vm, path: str, findings: Findings) -> None:
    if vm.spice.enable:
        return
    needing = [(f"channels[{i}].type", c.type) for i, c in enumerate(vm.channels) if c.type == "spicevmc"]
    needing += [("usb.redirectionPorts", "redirection")] if vm.usb.redirection_ports else []
    needing += [("sound.backend", "spice")] if (vm.sound.backend, vm.sound.model != "none") == ("spice", True) else []
    for key, found in needing:
        findings.error(f"{path}.{key}", found, "nothing that needs SPICE, which is off", "Switch spice.enable on.")


def _check_boot_order(vm: Vm, path: str, findings: Findings) -> None:
    orders = [(f"disks[{index}]", disk.boot_order) for index, disk in enumerate(vm.disks)]
    orders += [(f"networks[{index}]", network.boot_order) for index, network in enumerate(vm.networks)]
    seen: dict[int, str] = {}
    for key, order in orders:
        if order in seen:
            findings.error(f"{path}.{key}.bootOrder", order, "each number once", f"It is {seen[order]}'s.")
        elif order is not None:
            seen[order] = f"{path}.{key}"


def _check_extra_xml(vm: Vm, path: str, findings: Findings) -> None:
    for declared in ExtraXml.options:
        text = getattr(vm.extra_xml, declared.attribute)
        if isinstance(text, str) and text and (reason := malformed(text)):
            allowed = "well-formed elements without entities or a document type"
            findings.error(f"{path}.extraXml.{declared.key}", reason, allowed, "Correct it.")


def malformed(fragment: str) -> str | None:
    """Why a fragment cannot stand inside an element, or ``None``."""
    from xml.parsers import expat

    parser = expat.ParserCreate(namespace_separator=" ")
    depth = deepest = 0
    loose: list[int] = []

    def started(name: str, attributes: object) -> None:
        nonlocal depth, deepest
        depth += 1
        deepest = max(deepest, depth)

    def ended(name: str) -> None:
        nonlocal depth
        depth -= 1

    def text(data: str) -> None:
        if depth == 1 and data.strip():
            loose.append(parser.CurrentLineNumber - 1)

    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = started, ended, text
    head = "<x xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>\n"
    try:
        parser.Parse(f"{head}{fragment}\n</x>".encode(), True)
    except expat.ExpatError as error:
        return f"{expat.ErrorString(error.code)} (line {error.lineno - 1}, column {error.offset + 1})"
    if deepest > MOST_NESTED:
        return f"elements nested {deepest} deep, where libxml2 reads {MOST_NESTED}"
    return f"text outside of an element (line {loose[0]})" if loose else None


def _advise_looking_glass(vm: Vm, table: LookingGlass, path: str, findings: Findings) -> None:
    if table.release == "b7" and vm.video.model == "none":
        findings.warn(f"{path}.video.model", "none", "vga for B7", "The picture is black until its host program runs.")
    if table.release == "b7" and any(item.type == "tablet" for item in vm.inputs):
        findings.warn(f"{path}.inputs", "a tablet", "no tablet with B7", "Its pointer fights the client's; remove it.")
    if not vm.spice.enable:
        findings.warn(f"{path}.spice.enable", "false", "true", "Without it the client has no input, sound, clipboard.")
    if any(item.grab_toggle == "scrolllock" for item in vm.evdev):
        remedy = "Scroll Lock is the client's escape key; choose another."
        findings.warn(f"{path}.evdev", "grabToggle scrolllock", "another key", remedy)


def _advise_passthrough(vm: Vm, path: str, findings: Findings) -> None:
    if vm.memballoon:
        findings.warn(f"{path}.memballoon", "true", "false with VFIO", "VFIO pins all memory: a balloon only costs.")


def check_together(domains: list[DomainPlan], findings: Findings) -> None:
    """Names, UUIDs, MAC addresses and table files that two VMs share."""
    _check_once([(f"vms.{domain.key}.name", domain.name) for domain in domains], "each name once", findings)
    # Those that nobody stated follow from the names.
    stated = [(f"vms.{domain.key}.uuid", domain.uuid) for domain in domains if domain.vm.uuid]
    _check_once(stated, "each uuid once", findings)
    macs = [
        (f"vms.{domain.key}.networks[{index}].mac", network.mac.lower())
        for domain in domains
        for index, network in enumerate(domain.vm.networks)
        if network.mac
    ]
    _check_once(macs, "each MAC address once", findings)
    tables: dict[str, DomainPlan] = {}
    for domain in domains:
        if domain.battery and tables.setdefault(domain.battery_path, domain).battery != domain.battery:
            found = f"{domain.battery_path}, another table at vms.{tables[domain.battery_path].key}"
            findings.error(f"vms.{domain.key}.battery.path", found, "one table a file", "Give it a path of its own.")


def _check_once(values: list[tuple[str, str]], allowed: str, findings: Findings) -> None:
    first: dict[str, str] = {}
    for path, value in values:
        if value in first:
            findings.error(path, value, allowed, f"{first[value]} has it; change one of them.")
        first.setdefault(value, path)
