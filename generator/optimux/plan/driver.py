"""What libvirt's QEMU driver refuses although its schema allows it (src/qemu/qemu_validate.c, 9.0 to 11.3)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from optimux.findings import Findings
from optimux.options.vm import Vm
from optimux.options.vm.devices import Disk
from optimux.rules import since
from optimux.version import Version

# More need an IOMMU device in the guest, with interrupt remapping.
MOST_VCPUS = 255
# Which of <model>'s figures a display has; libvirt 9.0 takes what 11.3 refuses, and drops it.
VIDEO_FIGURES = {
    "vga": ("vram",),
    "qxl": ("ram", "vram", "vgamem", "heads"),
    "virtio": ("heads",),
    "bochs": ("vram",),
    "none": (),
}


def check_driver(vm: Vm, vcpus: int, disks: tuple[Disk, ...], libvirt: Version, path: str, findings: Findings) -> None:
    """Every such rule that one VM may break."""
    _check_cpu(vm, vcpus, path, findings)
    _check_platform(vm, path, findings)
    _check_disks(disks, path, findings)
    _check_since(vm, disks, libvirt, path, findings)
    _check_video(vm, path, findings)
    _check_strings(vm, path, findings)
    _check_networks(vm, path, findings)
    _check_serials(vm, path, findings)
    _check_usb(vm, disks, path, findings)


def _check_cpu(vm: Vm, vcpus: int, path: str, findings: Findings) -> None:
    if vcpus > MOST_VCPUS:
        where = f"{path}.vcpus" if vm.vcpus else f"{path}.cpu.topology"
        findings.error(where, f"{vcpus} vCPUs", f"at most {MOST_VCPUS}", "Lower the number.")
    if vm.cpu.mode == "host-model" and vm.cpu.cache == "passthrough":
        remedy = "Leave it out, or choose another mode."
        findings.error(f"{path}.cpu.cache", "passthrough, with mode host-model", "emulate, disable or none", remedy)
    if vm.memory_backing.hugepages and vm.memory_backing.source == "anonymous":
        allowed, remedy = "memfd or file with hugepages", "Leave it out."
        findings.error(f"{path}.memoryBacking.source", "anonymous", allowed, remedy)


def _check_platform(vm: Vm, path: str, findings: Findings) -> None:
    if (vm.lifecycle.on_poweroff, vm.lifecycle.on_reboot) == ("restart", "destroy"):
        allowed = 'not destroy with onPoweroff = "restart"'
        findings.error(f"{path}.lifecycle.onReboot", "destroy", allowed, "Change one of them.")
    # No distribution's description of OVMF has the feature acpi-s4 (share/qemu/firmware/*.json).
    if vm.power_management.suspend_to_disk and vm.firmware.type == "efi" and vm.firmware.loader is None:
        allowed, remedy = "false where libvirt chooses the firmware", "Name the image in firmware.loader."
        findings.error(f"{path}.powerManagement.suspendToDisk", "true", allowed, remedy)
    if vm.tpm.backend == "emulator" and (vm.tpm.model, vm.tpm.version) == ("tpm-crb", "1.2"):
        findings.error(f"{path}.tpm.version", "1.2", "2.0 with tpm-crb", 'Set tpm.model = "tpm-tis", or use 2.0.')


def _check_disks(disks: tuple[Disk, ...], path: str, findings: Findings) -> None:
    for index, disk in enumerate(disks):
        if disk.device == "disk" and disk.bus == "sata" and disk.readonly:
            findings.error(f"{path}.disks[{index}].readonly", "true", "false for disks on SATA", "Use another bus.")
        if disk.io == "native" and disk.cache not in ("none", "directsync"):
            found, allowed = disk.cache or "nothing", 'none or directsync with io = "native"'
            findings.error(f"{path}.disks[{index}].cache", found, allowed, "Correct it, or leave io out.")


def _check_since(vm: Vm, disks: tuple[Disk, ...], libvirt: Version, path: str, findings: Findings) -> None:
    wanted = [(f"{path}.disks[{index}].bus", "nvme", "nvmeDisk") for index, d in enumerate(disks) if d.bus == "nvme"]
    wanted += [(f"{path}.sound.model", "virtio", "virtioSound")] if vm.sound.model == "virtio" else []
    for where, word, feature in wanted:
        if libvirt < since(feature):
            findings.error(
                where, f"{word}, with libvirt {libvirt}", f"libvirt {since(feature)} or newer", "Use another."
            )


def _check_video(vm: Vm, path: str, findings: Findings) -> None:
    video = vm.video
    stated = {
        "ram": video.ram,
        "vram": video.vram,
        "vgamem": video.vgamem,
        "heads": None if video.heads == 1 else video.heads,
    }
    for key, value in stated.items():
        if value is not None and key not in VIDEO_FIGURES[video.model]:
            having = ", ".join(model for model, keys in VIDEO_FIGURES.items() if key in keys)
            findings.error(f"{path}.video.{key}", value, f"{key} with {having}", f"{video.model} has none; remove it.")
        elif value is not None and key != "heads" and value & (value - 1):
            remedy = f"Use {1 << value.bit_length()}: libvirt would round it up."
            findings.error(f"{path}.video.{key}", value, "a power of two", remedy)


def _check_strings(vm: Vm, path: str, findings: Findings) -> None:
    if vm.sound.codec and vm.sound.model not in ("ich6", "ich9"):
        findings.error(f"{path}.sound.codec", vm.sound.codec, "a codec with ich6 or ich9", "Remove it.")
    date = vm.smbios.bios.get("date") if vm.smbios else None
    if date is not None and not re.fullmatch(
        r"(0[1-9]|1[0-2])/(0[1-9]|[12][0-9]|3[01])/((19|20)[0-9]{2}|[0-9]{2})", date
    ):
        findings.error(f"{path}.smbios.bios.date", date, "mm/dd/yyyy", "Write it the American way.")


def _check_networks(vm: Vm, path: str, findings: Findings) -> None:
    for index, network in enumerate(vm.networks):
        if network.type in ("bridge", "direct") and not re.fullmatch(r"[A-Za-z0-9_.-]{1,15}", network.source):
            allowed = "an interface's name: at most 15 letters, digits and _ . -"
            findings.error(f"{path}.networks[{index}].source", network.source, allowed, "Compare with ip link.")
        if network.mac and not network.mac.strip("0:"):
            remedy = "libvirt takes zeroes for none; leave it out."
            findings.error(f"{path}.networks[{index}].mac", network.mac, "an address other than zero", remedy)


def _check_serials(vm: Vm, path: str, findings: Findings) -> None:
    ports: dict[int, int] = {}
    for index, serial in enumerate(vm.serials):
        if serial.port in ports:
            where = f"{path}.serials[{index}].port"
            findings.error(where, serial.port, "each port once", f"It is serials[{ports[serial.port]}]'s.")
        ports.setdefault(serial.port, index)
        if serial.console and index:
            where = f"{path}.serials[{index}].console"
            findings.error(where, "true", "true for the first alone", "Leave it out, or move the port to the front.")


def _check_usb(vm: Vm, disks: tuple[Disk, ...], path: str, findings: Findings) -> None:
    usb = vm.usb
    if usb.model == "none":
        for where in _on_usb(vm, disks, path):
            findings.error(where, "a USB device", "none without a USB controller", "Set usb.model.")
        return
    ports = usb.ports if usb.model.endswith("xhci") else 6  # ICH9's EHCI has six
    seen: dict[int, str] = {}
    for where, port in _usb_ports(vm, path):
        if port > ports:
            findings.error(where, port, f"at most {ports}, the controller's ports", "Lower it, or raise usb.ports.")
        elif port in seen:
            findings.error(where, port, "each USB port once", f"It is {seen[port]}'s.")
        seen.setdefault(port, where)


def _on_usb(vm: Vm, disks: tuple[Disk, ...], path: str) -> Iterator[str]:
    if vm.usb.host_devices:
        yield f"{path}.usb.hostDevices"
    if vm.usb.redirection_ports:
        yield f"{path}.usb.redirectionPorts"
    yield from (f"{path}.inputs[{index}].bus" for index, item in enumerate(vm.inputs) if item.bus == "usb")
    yield from (f"{path}.disks[{index}].bus" for index, disk in enumerate(disks) if disk.bus == "usb")
    if vm.sound.model == "usb":
        yield f"{path}.sound.model"


def _usb_ports(vm: Vm, path: str) -> Iterator[tuple[str, int]]:
    for index, device in enumerate(vm.usb.host_devices):
        if device.port:
            yield f"{path}.usb.hostDevices[{index}].port", device.port
    for index, port in enumerate(vm.usb.redirection_ports):
        if port:
            yield f"{path}.usb.redirectionPorts[{index}]", port
