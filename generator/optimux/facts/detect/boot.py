"""Which tool builds the initramfs, which boot loader starts the kernel, and where its parameters live: by evidence.

The distribution's name says nothing of either. Two that match, or none, leave it open.
"""

from __future__ import annotations

import re

from optimux.declare.values import BootLoader, Initramfs
from optimux.facts.detect.root import Root
from optimux.facts.detect.system import Packages
from optimux.facts.software import BootFacts, SeenInitramfs, SeenLoader

# The program that is in no other tool's package, and dpkg's name of the package that puts it in use.
INITRAMFS: tuple[tuple[Initramfs, tuple[str, ...], str], ...] = (
    ("mkinitcpio", ("/usr/bin/mkinitcpio",), "mkinitcpio"),
    ("dracut", ("/usr/bin/dracut",), "dracut"),
    ("initramfs-tools", ("/usr/sbin/mkinitramfs",), "initramfs-tools"),
    ("booster", ("/usr/bin/booster",), "booster"),
)
# Firmware's variable, by the loader that was started (https://systemd.io/BOOT_LOADER_INTERFACE).
LOADER_INFO = "/sys/firmware/efi/efivars/LoaderInfo-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
# The stub in a unified image leaves its own, whoever started it.
STUB_INFO = LOADER_INFO.replace("LoaderInfo", "StubInfo")
STARTED: dict[str, BootLoader] = {
    "systemd-boot": "systemd-boot",
    "grub": "grub",
    "limine": "limine",
    "refind": "refind",
    "systemd-stub": "uki",
}
LOADERS: tuple[tuple[BootLoader, tuple[str, ...]], ...] = (
    ("rpm-ostree", ("/run/ostree-booted",)),
    ("kernelstub", ("/etc/kernelstub/configuration",)),
    ("limine", ("/etc/default/limine", "/boot/limine.conf", "/boot/limine/limine.conf")),
    ("sdbootutil", ("/usr/bin/sdbootutil",)),
    ("sdboot-manage", ("/etc/sdboot-manage.conf",)),
    ("grubby", ("/usr/sbin/grubby", "/usr/bin/grubby", "/sbin/grubby")),
    ("systemd-boot", ("/boot/loader/loader.conf", "/efi/loader/loader.conf", "/boot/efi/loader/loader.conf")),
    ("refind", ("/boot/refind_linux.conf",)),
    ("grub", ("/boot/grub/grub.cfg", "/boot/grub2/grub.cfg", "/etc/default/grub")),
)
CMDLINE_D, PRESETS = "/etc/cmdline.d", "/etc/mkinitcpio.d"
_UNIFIED = re.compile(r"[A-Za-z0-9_]+_(?:uki|efi_image)=")
_OWN_CMDLINE = re.compile(r"[A-Za-z0-9_]+_cmdline=")
PARAM_FILES = (
    "/etc/default/grub",
    "/etc/default/grub.d",
    "/etc/kernel/cmdline",
    "/etc/kernel/cmdline.d",
    CMDLINE_D,
    "/etc/kernelstub/configuration",
    "/etc/default/limine",
    "/etc/limine-entry-tool.d",
    "/etc/sdboot-manage.conf",
    "/boot/refind_linux.conf",
    "/boot/loader/entries",
)


def boot(root: Root, packages: Packages) -> BootFacts:
    """Everything that shows itself."""
    return BootFacts(
        initramfs=_initramfs(root, packages),
        loaders=_loaders(root),
        kernel_param_files=tuple(path for path in PARAM_FILES if root.exists(path)),
        cmdline_drop_ins=_cmdline_drop_ins(root),
    )


def _cmdline_drop_ins(root: Root) -> tuple[str, ...] | None:
    """mkinitcpio joins them to /etc/kernel/cmdline for an image that a preset asks for, and for which it names no
    command line of its own (mkinitcpio 41: build_uki); kernel-install and ukify know no such folder.
    """
    lines = [
        line for name in root.names(PRESETS) if name.endswith(".preset") for line in root.lines(f"{PRESETS}/{name}")
    ]
    if not any(map(_UNIFIED.match, lines)) or any(map(_OWN_CMDLINE.match, lines)):
        return None
    names = (name for name in root.names(CMDLINE_D) if name.endswith(".conf") and name != "optimux.conf")
    return tuple(f"{CMDLINE_D}/{name}" for name in names)


def _initramfs(root: Root, packages: Packages) -> tuple[SeenInitramfs, ...]:
    """A program alone may be a leftover, or another tool's library: a package database that can be asked decides."""
    found = []
    for tool, programs, package in INITRAMFS:
        program = next((path for path in programs if root.exists(path)), None)
        if program and (not packages.knows or packages.version(package)):
            found.append(SeenInitramfs(name=tool, evidence=program))
    return tuple(found)


def _loaders(root: Root) -> tuple[SeenLoader, ...]:
    found = [SeenLoader(name=name, evidence=LOADER_INFO) for name in _started(root)]
    if root.exists(STUB_INFO) and "uki" not in (seen.name for seen in found):
        found.append(SeenLoader(name="uki", evidence=STUB_INFO))
    for name, paths in LOADERS:
        path = next((path for path in paths if root.exists(path)), None)
        if path and name not in (seen.name for seen in found):
            found.append(SeenLoader(name=name, evidence=path))
    return tuple(found)


def _started(root: Root) -> list[BootLoader]:
    """The variable is four bytes of attributes, then UTF-16."""
    data = root.data(LOADER_INFO, 512) if root.exists(LOADER_INFO) else None
    said = (data or b"")[4:].decode("utf-16-le", "ignore").lower()
    return [name for word, name in STARTED.items() if said.startswith(word)][:1]
