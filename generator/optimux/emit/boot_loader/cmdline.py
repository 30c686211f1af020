"""/etc/kernel/cmdline, from which kernel-install, mkinitcpio and sdbootutil make boot entries and unified images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimux.emit.artifact import HostCommand, HostEntry, HostFile, HostLines
from optimux.emit.boot_loader import fallback
from optimux.emit.text import commented

if TYPE_CHECKING:
    from optimux.plan.model import HostPlan

CMDLINE = "/etc/kernel/cmdline"
# kernel-install(8) runs it for each kernel, after 60-ukify, 90-uki-copy, 90-loaderentry and Fedora's 20-grub.
LATER = "/etc/kernel/install.d/95-optimux.install"
# mkinitcpio(8) runs what lies there with the paths of the kernel, the initramfs and the unified image.
AFTER_IMAGE = "/etc/initcpio/post/optimux"
DROP_IN = "/etc/cmdline.d/optimux.conf"
SUSE_DROP_IN = "/etc/kernel/cmdline.d/optimux.conf"
_PURPOSE = "kernel parameters"
_HOW = "add the words that are missing to the end of the line that is there; keep every word of its own"
# What kernel-install(8) itself takes while the file is missing.
_SEED = (
    f"[ -s {CMDLINE} ] || tr -s '[:space:]' '\\n' </proc/cmdline | grep -v -e '^BOOT_IMAGE=' -e '^initrd=' "
    f"| tr '\\n' ' ' >{CMDLINE}"
)
_SEEDED = f"starts {CMDLINE}, where it is missing, with what runs now"
_KEPT = "keeps an entry beside each that boots without them"


def systemd_boot(host: HostPlan) -> list[HostEntry]:
    """Entries of kernel-install; mkinitcpio and Debian's tools renew what they are made from themselves."""
    if host.platform.distribution == "arch" and host.platform.initramfs != "dracut":
        return [*_entries_by_hand(host), *copied_entries(host)]
    purpose = f"{_PURPOSE}; in loader entries written by hand, add them to the line 'options' instead"
    return [*_lines(host, purpose), *copied_entries(host), later_entries(host), _renewed(host)]


def _entries_by_hand(host: HostPlan) -> list[HostEntry]:
    """Arch has no kernel-install in use: each entry holds its own options, wherever the ESP or XBOOTLDR is."""
    return [
        HostLines(
            f"{folder}/*.conf",
            (" ".join(host.kernel_params),),
            r"^options[ \t]+",
            f"{_PURPOSE} in each boot entry",
            separator=" ",
            how="in each entry that is there, add the words that are missing to its line `options`",
            only_where=r"^options[ \t]",
            step="boot-loader",
        )
        for folder in fallback.FOLDERS
    ]


def unified_image(host: HostPlan) -> list[HostEntry]:
    """The command line is inside the image: the one that boots now is kept beside it."""
    kept = HostCommand(
        fallback.copy_images(),
        "keeps each unified image as it boots now",
        step="boot-loader",
        unless=fallback.has_images(),
        undo=fallback.remove_images(),
        offline=True,
    )
    later = later_images(host)
    # With a new script every kernel gets its image at once.
    words = _lines(host, _PURPOSE) if host.platform.command_line == "file" else _drop_in(host)
    return [*words, kept, *later, _renewed(host, DROP_IN, *(file.path for file in later))]


def _drop_in(host: HostPlan) -> list[HostEntry]:
    """mkinitcpio adds it to what the user has. Where that is nothing it takes the running kernel's line, but not beside
    a drop-in: so that line is written down.
    """
    text = commented("kernel parameters.", [" ".join(host.kernel_params)])
    file = HostFile(DROP_IN, text, _PURPOSE, step="boot-loader")
    if host.platform.command_line == "drop-ins":
        return [file]
    begun = kernel_cmdline(host, _SEEDED).replace(lines=("",))
    return [HostCommand(_SEED, _SEEDED, first=True, step="boot-loader", by_hand=True), begun, file]


def sdbootutil(host: HostPlan) -> list[HostEntry]:
    """openSUSE's tool for grub2-bls and systemd-boot reads a folder beside the file."""
    path, words = SUSE_DROP_IN, " ".join(host.kernel_params)
    file = HostFile(path, f"{words}\n", _PURPOSE, step="boot-loader")
    purpose = "writes the boot entries with the new kernel parameters"
    renew = HostCommand("sdbootutil update-all-entries", purpose, step="boot-loader", after=(path,), offline=True)
    return [file, renew, *copied_entries(host)]


def _lines(host: HostPlan, purpose: str) -> list[HostEntry]:
    return [
        HostCommand(_SEED, _SEEDED, first=True, step="boot-loader", by_hand=True),
        kernel_cmdline(host, purpose),
    ]


def kernel_cmdline(host: HostPlan, purpose: str, only_where: str = "") -> HostLines:
    """The words at the end of the file's line. ``only_where``: what must be in the file, or it is left alone."""
    return HostLines(
        CMDLINE,
        (" ".join(host.kernel_params),),
        r"^(?![ \t]*#)(?=.*\S)",
        purpose,
        separator=" ",
        how=f"{_HOW}; leave it alone where it is not there" if only_where else _HOW,
        only_where=only_where,
        begins="" if only_where else "running-command-line",
        step="boot-loader",
    )


def copied_entries(host: HostPlan) -> list[HostEntry]:
    """Beside each entry one that boots without the plan's words."""
    return [
        HostCommand(
            fallback.copy_entries(host.kernel_params),
            _KEPT,
            step="boot-loader",
            unless=fallback.has_entries(),
            undo=fallback.remove_entries(),
            offline=True,
        )
    ]


def later_entries(host: HostPlan) -> HostFile:
    """The same for kernels that are installed later."""
    made = fallback.copy_entries(host.kernel_params)
    lines = [
        '[ "$1" = add ] || exit 0',
        f"( {made} ) || echo 'Optimux: no room for an entry that boots without it' >&2",
    ]
    text = commented("beside a kernel's entry one that boots without Optimux.", lines, "#!/bin/sh")
    return HostFile(LATER, text, "keeps such an entry for later kernels", mode=0o755, step="boot-loader")


def later_images(host: HostPlan) -> list[HostFile]:
    """The same for unified images: a copy of a later one would have our words in it."""
    made = [(LATER, fallback.plugin(host.kernel_params), "makes such an image when kernel-install adds a kernel")]
    if host.platform.initramfs == "mkinitcpio":
        made.append((AFTER_IMAGE, fallback.hook(host.kernel_params), "makes such an image when mkinitcpio makes one"))
    about = "beside a kernel's unified image one that boots without Optimux."
    return [
        HostFile(path, commented(about, [script], "#!/bin/sh"), purpose, mode=0o755, step="boot-loader")
        for path, script, purpose in made
    ]


def _renewed(host: HostPlan, *more: str) -> HostCommand:
    """By the initramfs' own tool where that runs kernel-install.

    ``kernel-install add-all`` looks for kernels in /usr/lib/modules alone (systemd 257), where Debian has none: it adds
    nothing and fails.
    """
    from optimux.emit.initramfs import rebuild

    if host.platform.initramfs in ("mkinitcpio", "initramfs-tools") or host.platform.distribution == "debian":
        return rebuild(host, (CMDLINE, *more))
    purpose = "writes the boot entries with the new kernel parameters"
    return HostCommand("kernel-install add-all", purpose, step="boot-loader", after=(CMDLINE, *more), offline=True)
