"""The kernel command line, in the boot loader's own file."""

from __future__ import annotations

import re

from optimux.emit.artifact import HostCommand, HostEntry, HostFile, HostLines
from optimux.emit.initramfs import rebuild
from optimux.emit.text import commented
from optimux.plan.model import HostPlan, Plan
from optimux.rules import rules

GRUB_DROP_IN = "/etc/default/grub.d/optimux.cfg"
GRUB = "/etc/default/grub"
CMDLINE = "/etc/kernel/cmdline"
_PURPOSE = "kernel parameters"
# The line adds to the user's own setting: whoever puts it in that one's place loses root= or cryptdevice=.
_GRUB_HOW = "append at the end of the file; replace only an earlier line that ends in `# Optimux`, never your own"
_CMDLINE_HOW = "add the words that are missing to the end of the line that is there; keep every word of its own"
_GRUB_PLAIN = re.compile(r"[A-Za-z0-9_.,:=/@%+-]+")
# What kernel-install(8) itself takes while the file is missing.
_SEED_CMDLINE = (
    f"[ -s {CMDLINE} ] || tr -s '[:space:]' '\\n' </proc/cmdline | grep -v -e '^BOOT_IMAGE=' -e '^initrd=' "
    f"| tr '\\n' ' ' >{CMDLINE}"
)

# Succeeds when every entry has the word.
_GRUBBY_HAS = (
    "grubby --info=ALL | word={} awk '"
    '/^args=/ {{ if (!index(" " substr($0, 7, length($0) - 7) " ", " " ENVIRON["word"] " ")) missing = 1 }} '
    "END {{ exit missing }}'"
)


def boot_loader_entries(plan: Plan) -> list[HostEntry]:
    """The plan's parameters, added to those that are there, and the command that takes them into use."""
    host = plan.host
    if host.platform.boot_loader is None or not host.kernel_params:
        return []
    return {"grub": _grub, "systemd-boot": _systemd_boot, "grubby": _grubby}[host.platform.boot_loader](host)


def _grub(host: HostPlan) -> list[HostEntry]:
    words = " ".join(map(_grub_word, host.kernel_params))
    line = f'GRUB_CMDLINE_LINUX_DEFAULT="$GRUB_CMDLINE_LINUX_DEFAULT {_in_double_quotes(words)}"'
    entry: HostEntry
    if host.platform.distribution == "debian":  # the others' grub-mkconfig reads no grub.d
        entry = HostFile(GRUB_DROP_IN, commented("kernel parameters.", [line]), _PURPOSE, step="boot-loader")
    else:
        # A shell script: a line at its end adds to what the user wrote above, and is found again by its comment.
        anchor = r"^GRUB_CMDLINE_LINUX_DEFAULT=.* # Optimux$"
        entry = HostLines(GRUB, (f"{line} # Optimux",), anchor, _PURPOSE, how=_GRUB_HOW, step="boot-loader")
    command = rules()["hostCommands"]["grub"][host.platform.distribution]
    purpose = "writes GRUB's menu with the new kernel parameters"
    return [entry, HostCommand(command, purpose, step="boot-loader", after=(entry.path,), offline=True)]


def _grub_word(word: str) -> str:
    """A word for GRUB's own shell; kernel parameters have no single quotes."""
    return word if _GRUB_PLAIN.fullmatch(word) else f"'{word}'"


def _in_double_quotes(text: str) -> str:
    """Text for a double-quoted string of the shell (POSIX.1-2017, Shell Command Language 2.2.3)."""
    return re.sub(r'([$`"\\])', r"\\\1", text)


def _systemd_boot(host: HostPlan) -> list[HostEntry]:
    """/etc/kernel/cmdline, from which kernel-install and mkinitcpio make boot entries and unified images."""
    words = (" ".join(host.kernel_params),)
    purpose = f"{_PURPOSE}; in loader entries written by hand, add them to the line 'options' instead"
    return [
        HostCommand(
            _SEED_CMDLINE,
            f"starts {CMDLINE}, where it is missing, with what runs now",
            first=True,
            step="boot-loader",
            by_hand=True,
        ),
        HostLines(
            CMDLINE,
            words,
            r"^(?![ \t]*#)(?=.*\S)",
            purpose,
            separator=" ",
            how=_CMDLINE_HOW,
            begins="running-command-line",
            step="boot-loader",
        ),
        _renew_entries(host),
    ]


def _renew_entries(host: HostPlan) -> HostCommand:
    """Unified images are made with the initramfs; Debian's initramfs-tools renews the loader's entries."""
    if host.platform.initramfs in ("mkinitcpio", "initramfs-tools"):
        return rebuild(host.platform.initramfs, (CMDLINE,))
    purpose = "writes the boot entries with the new kernel parameters"
    return HostCommand("kernel-install add-all", purpose, step="boot-loader", after=(CMDLINE,), offline=True)


def _grubby(host: HostPlan) -> list[HostEntry]:
    from shlex import quote

    words = quote(" ".join(host.kernel_params))
    return [
        HostCommand(
            f"grubby --update-kernel=ALL --args={words}",
            "adds the kernel parameters to every boot entry, and to those of later kernels",
            step="boot-loader",
            unless=" && ".join(_GRUBBY_HAS.format(quote(word)) for word in host.kernel_params),
            undo=f"grubby --update-kernel=ALL --remove-args={words}",
            offline=True,
        )
    ]
