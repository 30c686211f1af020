"""What lies on the host: entries of the loader, images, files, and what the log says of the card."""

from __future__ import annotations

from tests.doctor.cases import (
    BY_ENTRIES,
    BY_IMAGES,
    DMESG,
    ENTRIES,
    IMAGES,
    LATE,
    LINUX,
    MENU,
    MODULES,
    ON_DEMAND,
    log,
    packed,
)
from tests.doctor.further import Further
from tests.doctor.machine import HIDDEN, IMAGE

LOADERS: dict[str, Further] = {
    "a menu for root": ("bootLoader.fallback", {MENU: HIDDEN}, (), "unseen: root's alone"),
    "what is no entry": (
        "bootLoader.fallback",
        {f"{ENTRIES}/entries.srel": "options\n", f"{ENTRIES}/1-6.9.conf": LINUX},
        BY_ENTRIES,
        f"broken: none beside {ENTRIES}/1-6.9.conf\n",
    ),
    "no menu": ("bootLoader.fallback", {MENU: None}, (), ""),
    "no images": ("bootLoader.fallback", {}, BY_IMAGES, "unseen: no unified image is found"),
    "images for root": ("bootLoader.fallback", {IMAGES: HIDDEN}, BY_IMAGES, "unseen: no unified image is found, and"),
    "entries for root": ("bootLoader.fallback", {"/boot/loader": HIDDEN}, BY_ENTRIES, "unseen: no entry is found, and"),
    "three without a copy": (
        "bootLoader.fallback",
        {f"{ENTRIES}/1-6.{number}.conf": LINUX for number in (9, 10, 11)},
        BY_ENTRIES,
        "broken: none beside",
    ),
    "images in the order of versions": (
        "bootLoader.fallback",
        {f"{IMAGES}/{name}.efi": "MZ" for name in ("a-6.12", "a-6.9", "a-6.12-optimux-off", "a-6.9-optimux-off")},
        BY_IMAGES,
        "holds: a-6.12-optimux-off.efi",
    ),
}

PLACED: dict[str, Further] = {
    "a tool, none needed": ("initramfs.tool", {"/usr/sbin/mkinitramfs": None}, ON_DEMAND, ""),
    "an image, none needed": ("initramfs.content", {**LATE, IMAGE: None}, ON_DEMAND, ""),
    "an image for root": ("initramfs.content", {**LATE, IMAGE: HIDDEN}, (), "unseen: root's alone"),
    "images that nobody may see": (
        "initramfs.content",
        {**LATE, "/boot": HIDDEN},
        (),
        "unseen: no image is found for the kernel that runs; /boot cannot be read",
    ),
    "no image, and another file for root": (
        "initramfs.content",
        {**LATE, IMAGE: None, "/etc/machine-id": HIDDEN},
        (),
        "unseen: no image is found for the kernel that runs\n",
    ),
    "an image that is none": ("initramfs.content", {**LATE, IMAGE: b"squashfs"}, (), "unseen: it is packed in a way"),
    "vfio-pci in the kernel": (
        "initramfs.content",
        {
            **LATE,
            f"{MODULES}/modules.builtin": "kernel/drivers/vfio/pci/vfio-pci.ko\n",
            IMAGE: packed("etc/modprobe.d/optimux.conf"),
        },
        (),
        "holds: vfio-pci and its options",
    ),
    "options as mkinitcpio has them": (
        "initramfs.content",
        {**LATE, IMAGE: packed("lib/modules/6.12/vfio_pci.ko", "usr/lib/modprobe.d/optimux.conf")},
        (),
        "holds: vfio-pci and its options",
    ),
    "the host's driver beside": (
        "initramfs.content",
        {**LATE, IMAGE: packed("a/vfio-pci.ko", "etc/modprobe.d/optimux.conf", "a/nouveau.ko.zst", "a/i915.ko")},
        (),
        "holds: vfio-pci and its options, with nouveau",
    ),
    "one function was late": (
        "initramfs.content",
        log("vfio-pci 0000:01:00.0: enabling device", "snd_hda_intel 0000:01:00.1: enabling device"),
        (),
        "holds: vfio-pci and its options",
    ),
    **{
        f"the image {path}": (
            "initramfs.content",
            {
                **LATE,
                IMAGE: None,
                "/etc/machine-id": "0123\n",
                f"{MODULES}/pkgbase": "linux-zen\n",
                path.replace("RELEASE", "6.12.41+deb13-amd64"): packed("lib/modules/6.12/vfio-pci.ko"),
            },
            (),
            "broken: with vfio-pci, without",
        )
        for path in (
            "/boot/initramfs-RELEASE.img",
            "/boot/initrd-RELEASE",
            "/boot/initramfs-linux-zen.img",
            "/boot/booster-linux-zen.img",
            "/boot/0123/RELEASE/initrd",
            "/efi/0123/RELEASE/initrd",
            "/boot/efi/0123/RELEASE/initrd",
            "/efi/EFI/Linux/0123-RELEASE.efi",
            "/boot/EFI/Linux/arch-linux-zen.efi",
        )
    },
    "a unified image of another kernel": (
        "initramfs.content",
        {**LATE, IMAGE: None, "/efi/EFI/Linux/0123-6.1.efi": packed("vfio-pci.ko")},
        (),
        "unseen: no image is found",
    ),
    "no image of its name": (
        "initramfs.content",
        {**LATE, IMAGE: None, "/efi/EFI/Linux/6.12.41+deb13-amd64.txt": packed("vfio-pci.ko")},
        (),
        "unseen: no image is found",
    ),
    "files for root": ("files.there", {"/etc/modprobe.d/optimux.conf": HIDDEN}, (), "unseen: root's alone"),
    "a folder for root": ("files.there", {"/etc/modprobe.d": HIDDEN}, (), "unseen: only root may look there"),
    "lines that are gone": ("files.there", {"/etc/kernel/cmdline": "quiet\n"}, BY_IMAGES, "broken"),
    "no file for the lines": ("files.there", {"/etc/kernel/cmdline": None}, BY_IMAGES, "broken"),
    "no /etc to look in": ("files.there", {"/etc": None}, (), ""),
}

FAULT = "DMAR: [DMA Read] Request device [{}] fault addr 0x1000"
LOGS: dict[str, Further] = {
    "a fault of another device": ("log.faults", log(FAULT.format("02:00.0")), (), "holds: none"),
    "three faults": (
        "log.faults",
        log(*(FAULT.format(f"{prefix}01:00.0") + str(n) for n, prefix in enumerate(("", "0x", "")))),
        (),
        "broken: 3: DMAR: [DMA Read] Request device [01:00.0] fault addr 0x10002",
    ),
    "faults, without a log": ("log.faults", {DMESG: None}, (), "unseen: no journal"),
    "faults, without a configuration": ("log.faults", {DMESG: None}, None, ""),
    "interrupts, without a log": ("log.interrupts", {DMESG: None}, (), "unseen: no journal"),
    "interrupts, for this platform": (
        "log.interrupts",
        log("vfio: No interrupt remapping for this platform", "vfio: No interrupt remapping support. 2"),
        (),
        "broken: vfio: No interrupt remapping support. 2",
    ),
    "interrupts, without a card": (
        "log.interrupts",
        {"/sys/bus/pci/devices/0000:01:00.0": None, "/sys/bus/pci/devices/0000:01:00.1": None},
        None,
        "",
    ),
}
