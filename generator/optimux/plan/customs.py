"""libvirt's own customs on q35: what it puts behind a bridge, and where disks go that say nothing."""

from __future__ import annotations

import re

# Kinds of device, elements or types of controllers, and their models of conventional PCI ("" where none is said), as
# qemuDomainDeviceCalculatePCIConnectFlags in libvirt's src/qemu/qemu_domain_address.c has them. Of those without an
# address libvirt puts all behind a bridge, which takes a root port and a bus number. ICH9's sound and UHCI are not
# here: they have slots of bus 0; its EHCI has one only beside an UHCI. Nor is the first SATA controller, at 1f.2.
_CONVENTIONAL = {
    "crypto": re.compile(r".*"),
    "interface": re.compile(r"(?!(virtio|virtio-non-transitional|e1000e|igb|usb-net)$).*"),
    "pstore": re.compile(r".*"),
    "sata": re.compile(r".*"),
    "scsi": re.compile(r"(?!(virtio-scsi|virtio-non-transitional|ncr53c90)$).*"),
    "shmem": re.compile(r".*"),
    "sound": re.compile(r"ac97|es1370|ich6"),
    "usb": re.compile(r"(?!(qemu-xhci|nec-xhci|ich9-uhci[123]|none)$).*"),
    "video": re.compile(r"vga|qxl|cirrus|bochs|vmvga"),  # bochs is of either kind: on bus 0 it takes no port
    "watchdog": re.compile(r"i6300esb"),
}
SOUND_SLOT, USB_SLOT = 0x1B, 0x1D  # of bus 0, where libvirt puts ICH9's, unless they say otherwise
_TRANSITIONAL = "virtio-transitional"  # of any kind: such a device works in conventional slots only
# Disks on one controller; virDomainDiskDefAssignAddress in src/conf/domain_conf.c counts so whatever its model.
_PER_CONTROLLER = {"sata": 6, "scsi": 7}


def is_conventional(kind: str, model: str) -> bool:
    """Whether a device is one of conventional PCI: an element's name, or a controller's type, and its model."""
    models = _CONVENTIONAL.get(kind)
    return model == _TRANSITIONAL or (models is not None and models.fullmatch(model) is not None)


def drive_place(bus: str | None, target: str | None) -> tuple[int, int] | None:
    """Controller and unit of a SATA or SCSI disk without an address, by its target; ``None`` of another disk."""
    each, letters = _PER_CONTROLLER.get(bus or ""), (target or "").removeprefix("sd")
    if each is None or not re.fullmatch("[a-z]{1,4}", letters):
        return None
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("a") + 1
    return divmod(number - 1, each)
