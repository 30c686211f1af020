"""Firmware, the battery table and devices: what cannot be together, or not with the planned versions."""

from __future__ import annotations

from optimux.declare.kind import joined
from optimux.findings import doubled
from optimux.plan.platform import BY_DISTRIBUTION, BY_LIBVIRT, BY_SECURITY_MODULE
from optimux.plan.wanted import Wanted
from optimux.rules import rules, since

# No file that a distribution or a user keeps for something else is called so.
TABLE_ENDINGS = (".aml", ".dat", ".bin")


def check_devices(wanted: Wanted) -> None:
    """Everything about a VM's firmware and devices that libvirt's own rules do not cover."""
    _check_firmware(wanted)
    _check_battery(wanted)
    _check_iommufd(wanted)
    _check_devices(wanted)


def _check_firmware(wanted: Wanted) -> None:
    vm = wanted.vm
    firmware = vm.firmware
    where = "firmware"
    for key, value in (("loader", firmware.loader), ("nvramTemplate", firmware.nvram_template)):
        if value and firmware.type == "bios":
            wanted.error(f"{where}.{key}", value, 'only with type = "efi"', "Remove it.", [f"{where}.type"])
        if value and value.startswith("/usr/") and wanted.platform.distribution == "nixos":
            allowed = "a path below /run/libvirt/nix-ovmf or /nix/store: no NixOS system has /usr"
            wanted.error(
                f"{where}.{key}", value, allowed, "Leave it out: libvirt chooses the firmware.", BY_DISTRIBUTION
            )
    if firmware.nvram_template and not firmware.loader:
        remedy, because = "Add firmware.loader.", [f"{where}.loader"]
        wanted.error(f"{where}.nvramTemplate", firmware.nvram_template, "only with a loader", remedy, because)
    if firmware.secure_boot not in (None, "off") and firmware.type == "bios":
        found = firmware.secure_boot
        wanted.error(f"{where}.secureBoot", found, 'only with type = "efi"', "Remove it.", [f"{where}.type"])
    if firmware.secure_boot == "on":
        _advise_keys(wanted)


def _advise_keys(wanted: Wanted) -> None:
    """Microsoft's keys of 2011 have expired: what is signed since needs those of 2023."""
    firmware, images = wanted.vm.firmware, wanted.facts.firmware.images
    chosen = next((i for i in images if i.template == firmware.nvram_template), None)
    if firmware.nvram_template is None:
        chosen = next((i for i in images if i.secure_boot and i.enrolled_keys), None)
    if chosen is not None and chosen.keys == (2011,):
        found = f"on, with the keys of 2011 alone in {chosen.template}"
        remedy = (
            'Programs that are signed by the keys of 2023 do not start: take a newer image of OVMF, or "capable". For '
            "a VM that is there, virsh start --reset-nvram renews its keys; have BitLocker's recovery key at hand."
        )
        wanted.warn("firmware.secureBoot", found, "the keys of 2023 too", remedy)


def _check_battery(wanted: Wanted) -> None:
    """libvirt's virt-aa-helper writes no rule for some folders; then QEMU cannot read the table."""
    vm = wanted.vm
    table = vm.battery.path
    if not vm.battery.enable or table is None:
        return
    if ".." in table.split("/") or "//" in table:
        wanted.error("battery.path", table, "a path without .. or //", "Write it plainly.")
    # A comma ends -acpitable's file= (QEMU's option syntax), and a colon joins files.
    if "," in table or ":" in table:
        wanted.error("battery.path", table, "a path without , and :", "QEMU splits there; rename it.")
    refused = next((p for p in rules()["apparmor"]["refusedPrefixes"] if table.startswith(p)), None)
    if refused and wanted.platform.security_module == "apparmor":
        remedy, because = "Use /var/lib/libvirt/acpi/…, or leave it out.", ("battery.enable", *BY_SECURITY_MODULE)
        wanted.error("battery.path", table, f"nothing below {refused}, which AppArmor refuses", remedy, because)
    elif not table.endswith(TABLE_ENDINGS) and not table.startswith("/nix/store/"):
        allowed = f"a name that ends in {', '.join(TABLE_ENDINGS)}"
        wanted.error("battery.path", table, allowed, "The file is ours alone; name one that nothing else has.")


def _check_iommufd(wanted: Wanted) -> None:
    vm = wanted.vm
    if not vm.iommufd:
        return
    if wanted.platform.libvirt < since("iommufd"):
        found = f"true, with libvirt {wanted.platform.libvirt}"
        wanted.error("iommufd", found, f"libvirt {since('iommufd')} or newer", "Leave it out.", BY_LIBVIRT)
    if wanted.platform.distribution in rules()["kernel"]["withoutIommufd"]:
        found = f"true, with {wanted.platform.distribution}'s kernel"
        wanted.error("iommufd", found, "a kernel with CONFIG_IOMMUFD", "Leave it out.", BY_DISTRIBUTION)
    if wanted.shared_memory and wanted.shared_memory.kind == "kvmfr":
        remedy = 'Set lookingGlass.memory = "shm": iommufd cannot map a character device.'
        because = ("lookingGlass.enable", "lookingGlass.memory", "gpu", joined("gpus", wanted.vm.gpu or ""))
        wanted.error("iommufd", "true, with kvmfr memory", "not both", remedy, because)


def _check_devices(wanted: Wanted) -> None:
    vm = wanted.vm
    if vm.watchdog and vm.watchdog.model == "itco" and wanted.platform.libvirt < since("itcoWatchdog"):
        found = f"itco, with libvirt {wanted.platform.libvirt}"
        allowed = f"libvirt {since('itcoWatchdog')} or newer"
        wanted.error("watchdog.model", found, allowed, 'Use "i6300esb".', BY_LIBVIRT)
    if vm.sound.backend == "pipewire" and wanted.platform.libvirt < since("pipewireAudio"):
        found = f"pipewire, with libvirt {wanted.platform.libvirt}"
        allowed = f"libvirt {since('pipewireAudio')} or newer"
        wanted.error("sound.backend", found, allowed, 'Use "spice".', BY_LIBVIRT)
    if vm.sound.model == "usb" and vm.usb.model == "ich9-ehci1":
        found, allowed = "usb, on ich9-ehci1", "usb only on a controller of full speed too"
        wanted.error("sound.model", found, allowed, 'Use "ich9", or usb.model = "qemu-xhci".', ["usb.model"])
    for index, item in enumerate(vm.inputs):
        if item.address and item.bus != "virtio":
            because = [f"inputs[{index}].bus"]
            wanted.error(f"inputs[{index}].address", item.address, "virtio only", "Remove it.", because)
        if item.type == "tablet" and item.bus == "ps2":
            because = [f"inputs[{index}].type"]
            wanted.error(f"inputs[{index}].bus", "ps2", "usb or virtio for a tablet", 'Use "virtio".', because)
    for index, serial in enumerate(vm.serials):
        if (serial.type == "pty") == (serial.path is not None):
            found, because = serial.path or "nothing", [f"serials[{index}].type"]
            wanted.error(f"serials[{index}].path", found, "a path with file or unix", "Match type and path.", because)
    _check_spice(wanted)
    _check_boot_order(wanted)
    _check_doubles(wanted)
    if vm.smbios and "uuid" in vm.smbios.system:
        stated = vm.smbios.system["uuid"].lower()
        if stated != (vm.uuid or "").lower():
            wanted.error("smbios.system.uuid", stated, "the domain's uuid", "Set uuid to the same.", ["uuid"])


def _check_spice(wanted: Wanted) -> None:
    vm = wanted.vm
    if vm.spice.enable:
        return
    channels = (index for index, channel in enumerate(vm.channels) if channel.type == "spicevmc")
    needing = [(f"channels[{index}].type", "spicevmc") for index in channels]
    needing += [("usb.redirectionPorts", "redirection")] if vm.usb.redirection_ports else []
    needing += [("sound.backend", "spice")] if (vm.sound.backend, vm.sound.model != "none") == ("spice", True) else []
    for key, found in needing:
        because = ("spice.enable", "sound.model")
        wanted.error(key, found, "nothing that needs SPICE, which is off", "Switch spice.enable on.", because)


def _check_boot_order(wanted: Wanted) -> None:
    vm = wanted.vm
    orders = [(f"disks[{index}]", disk.boot_order) for index, disk in enumerate(vm.disks)]
    orders += [(f"networks[{index}]", network.boot_order) for index, network in enumerate(vm.networks)]
    for key, order, first in doubled((key, order) for key, order in orders if order is not None):
        wanted.error(f"{key}.bootOrder", order, "each number once", f"It is {wanted.path}.{first}'s.", [first])


def _check_doubles(wanted: Wanted) -> None:
    """Channels at one port, and USB devices given twice."""
    vm = wanted.vm
    ports = [(f"channels[{i}].port", str(channel.port)) for i, channel in enumerate(vm.channels) if channel.port]
    devices = [(f"usb.hostDevices[{i}].id", str(device.id)) for i, device in enumerate(vm.usb.host_devices)]
    for key, value, first in (*doubled(ports), *doubled(devices)):
        wanted.error(key, value, "each once", f"It is {first}'s already.", [first])
