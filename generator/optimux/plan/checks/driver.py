"""What libvirt's QEMU driver refuses although its schema allows it (src/qemu/qemu_validate.c, 9.0 to 11.3)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from optimux.options.vm import Vm
from optimux.plan.devices import Disk
from optimux.plan.platform import BY_LIBVIRT
from optimux.plan.wanted import Wanted
from optimux.rules import since

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


def check_driver(wanted: Wanted, disks: tuple[Disk, ...]) -> None:
    """Every such rule that one VM may break."""
    _check_cpu(wanted)
    _check_platform(wanted)
    _check_disks(wanted, disks)
    _check_since(wanted, disks)
    _check_video(wanted)
    _check_strings(wanted)
    _check_networks(wanted)
    _check_serials(wanted)
    _check_usb(wanted, disks)


def _check_cpu(wanted: Wanted) -> None:
    vm = wanted.vm
    if wanted.vcpus > MOST_VCPUS:
        where = "vcpus" if vm.vcpus else "cpu.topology"
        wanted.error(where, f"{wanted.vcpus} vCPUs", f"at most {MOST_VCPUS}", "Lower the number.")
    if vm.cpu.mode == "host-model" and vm.cpu.cache == "passthrough":
        remedy = "Leave it out, or choose another mode."
        wanted.error("cpu.cache", "passthrough, with mode host-model", "emulate, disable or none", remedy, ["cpu.mode"])
    if vm.memory_backing.hugepages and vm.memory_backing.source == "anonymous":
        allowed, remedy = "memfd or file with hugepages", "Leave it out."
        wanted.error("memoryBacking.source", "anonymous", allowed, remedy, ["memoryBacking.hugepages"])


def _check_platform(wanted: Wanted) -> None:
    vm = wanted.vm
    if (vm.lifecycle.on_poweroff, vm.lifecycle.on_reboot) == ("restart", "destroy"):
        allowed = 'not destroy with onPoweroff = "restart"'
        wanted.error("lifecycle.onReboot", "destroy", allowed, "Change one of them.", ["lifecycle.onPoweroff"])
    # No distribution's description of OVMF has the feature acpi-s4 (share/qemu/firmware/*.json).
    if vm.power_management.suspend_to_disk and vm.firmware.type == "efi" and vm.firmware.loader is None:
        allowed, remedy = "false where libvirt chooses the firmware", "Name the image in firmware.loader."
        because = ("firmware.type", "firmware.loader")
        wanted.error("powerManagement.suspendToDisk", "true", allowed, remedy, because)
    if vm.tpm.backend == "emulator" and (vm.tpm.model, vm.tpm.version) == ("tpm-crb", "1.2"):
        remedy, because = 'Set tpm.model = "tpm-tis", or use 2.0.', ("tpm.backend", "tpm.model")
        wanted.error("tpm.version", "1.2", "2.0 with tpm-crb", remedy, because)


def _check_disks(wanted: Wanted, disks: tuple[Disk, ...]) -> None:
    for index, disk in enumerate(disks):
        if disk.device == "disk" and disk.bus == "sata" and disk.readonly:
            because = (f"disks[{index}].bus", f"disks[{index}].device")
            wanted.error(f"disks[{index}].readonly", "true", "false for disks on SATA", "Use another bus.", because)
        if disk.io == "native" and disk.cache not in ("none", "directsync"):
            found, allowed = disk.cache or "nothing", 'none or directsync with io = "native"'
            wanted.error(
                f"disks[{index}].cache", found, allowed, "Correct it, or leave io out.", [f"disks[{index}].io"]
            )


def _check_since(wanted: Wanted, disks: tuple[Disk, ...]) -> None:
    vm = wanted.vm
    used = [(f"disks[{index}].bus", "nvme", "nvmeDisk") for index, d in enumerate(disks) if d.bus == "nvme"]
    used += [("sound.model", "virtio", "virtioSound")] if vm.sound.model == "virtio" else []
    for where, word, feature in used:
        if wanted.platform.libvirt < since(feature):
            found = f"{word}, with libvirt {wanted.platform.libvirt}"
            wanted.error(where, found, f"libvirt {since(feature)} or newer", "Use another.", BY_LIBVIRT)


def _check_video(wanted: Wanted) -> None:
    vm = wanted.vm
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
            remedy = f"{video.model} has none; remove it."
            wanted.error(f"video.{key}", value, f"{key} with {having}", remedy, ["video.model"])
        elif value is not None and key != "heads" and value & (value - 1):
            remedy = f"Use {1 << value.bit_length()}: libvirt would round it up."
            wanted.error(f"video.{key}", value, "a power of two", remedy, ["video.model"])


def _check_strings(wanted: Wanted) -> None:
    vm = wanted.vm
    if vm.sound.codec and vm.sound.model not in ("ich6", "ich9"):
        wanted.error("sound.codec", vm.sound.codec, "a codec with ich6 or ich9", "Remove it.", ["sound.model"])
    release = vm.smbios.bios.get("release") if vm.smbios else None
    if release is not None and not re.fullmatch(r"[0-9]{1,3}\.[0-9]{1,3}", release):
        wanted.error("smbios.bios.release", release, "two numbers joined by a dot", "QEMU reads it as such.")
    date = vm.smbios.bios.get("date") if vm.smbios else None
    if date is not None and not re.fullmatch(
        r"(0[1-9]|1[0-2])/(0[1-9]|[12][0-9]|3[01])/((19|20)[0-9]{2}|[0-9]{2})", date
    ):
        wanted.error("smbios.bios.date", date, "mm/dd/yyyy", "Write it the American way.")


def _check_networks(wanted: Wanted) -> None:
    vm = wanted.vm
    for index, network in enumerate(vm.networks):
        if network.type in ("bridge", "direct") and not re.fullmatch(r"[A-Za-z0-9_.-]{1,15}", network.source):
            allowed = "an interface's name: at most 15 letters, digits and _ . -"
            because = [f"networks[{index}].type"]
            wanted.error(f"networks[{index}].source", network.source, allowed, "Compare with ip link.", because)
        if network.mac and not network.mac.strip("0:"):
            remedy = "libvirt takes zeroes for none; leave it out."
            wanted.error(f"networks[{index}].mac", network.mac, "an address other than zero", remedy)


def _check_serials(wanted: Wanted) -> None:
    vm = wanted.vm
    ports: dict[int, int] = {}
    for index, serial in enumerate(vm.serials):
        if serial.port in ports:
            where = f"serials[{index}].port"
            first = f"serials[{ports[serial.port]}]"
            wanted.error(where, serial.port, "each port once", f"It is {first}'s.", [first])
        ports.setdefault(serial.port, index)
        if serial.console and index:
            where = f"serials[{index}].console"
            wanted.error(where, "true", "true for the first alone", "Leave it out, or move the port to the front.")


def _check_usb(wanted: Wanted, disks: tuple[Disk, ...]) -> None:
    vm = wanted.vm
    usb = vm.usb
    if usb.model == "none":
        for where in _on_usb(vm, disks):
            wanted.error(
                where, "a USB device", "none without a USB controller", "Set usb.model.", ["usb.model", "sound.model"]
            )
        return
    ports = usb.ports if usb.model.endswith("xhci") else 6  # ICH9's EHCI has six
    seen: dict[int, str] = {}
    for where, port in _usb_ports(vm):
        if port > ports:
            allowed, remedy = f"at most {ports}, the controller's ports", "Lower it, or raise usb.ports."
            wanted.error(where, port, allowed, remedy, ["usb.ports", "usb.model"])
        elif port in seen:
            wanted.error(where, port, "each USB port once", f"It is {seen[port]}'s.", [seen[port]])
        seen.setdefault(port, where)


def _on_usb(vm: Vm, disks: tuple[Disk, ...]) -> Iterator[str]:
    if vm.usb.host_devices:
        yield "usb.hostDevices"
    if vm.usb.redirection_ports:
        yield "usb.redirectionPorts"
    yield from (f"inputs[{index}].bus" for index, item in enumerate(vm.inputs) if item.bus == "usb")
    yield from (f"disks[{index}].bus" for index, disk in enumerate(disks) if disk.bus == "usb")
    if vm.sound.model == "usb":
        yield "sound.model"


def _usb_ports(vm: Vm) -> Iterator[tuple[str, int]]:
    for index, device in enumerate(vm.usb.host_devices):
        if device.port:
            yield f"usb.hostDevices[{index}].port", device.port
    for index, port in enumerate(vm.usb.redirection_ports):
        if port:
            yield f"usb.redirectionPorts[{index}]", port
