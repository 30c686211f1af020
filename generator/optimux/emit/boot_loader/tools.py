"""Loaders whose entries a tool writes: it is told the words, or reads them from its own file."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING

from optimux.emit.artifact import HostCommand, HostEntry, HostFile, HostLines
from optimux.emit.boot_loader import cmdline, fallback
from optimux.rules import families

if TYPE_CHECKING:
    from optimux.plan.model import HostPlan

LIMINE = "/etc/limine-entry-tool.d/zz-optimux.conf"
LIMINE_DEFAULT = "/etc/default/limine"
SDBOOT_MANAGE = "/etc/sdboot-manage.conf"
REFIND = "/boot/refind_linux.conf"
_PURPOSE = "kernel parameters"
# Succeeds when every entry but the fallbacks has each word.
_GRUBBY_HAS = (
    "grubby --info=ALL | ours={} awk '"
    'BEGIN {{ count = split(ENVIRON["ours"], list, " ") }} '
    '/^args=/ {{ args = " " substr($0, 7, length($0) - 7) " " }} '
    '/^id=/ && !/optimux-off/ {{ for (i = 1; i <= count; i++) if (!index(args, " " list[i] " ")) missing = 1 }} '
    "END {{ exit missing }}'"
)
_ONE_LINE = r"[ \t]*=[ \t]*[\"']"


def grubby(host: HostPlan) -> list[HostEntry]:
    """Every entry of Fedora's, and those of later kernels; the copies are made again, since it knows no exceptions.

    Where /etc/kernel/cmdline is there, kernel-install takes a later kernel's words from it alone.
    """
    again = fallback.copy_entries(host.kernel_params)
    return [
        *cmdline.copied_entries(host),
        cmdline.later_entries(host),
        _adding(
            host,
            f"grubby --update-kernel=ALL --args={_quoted(host)} && {{ {again}; }}",
            "adds the kernel parameters to every boot entry, and to those of later kernels",
            _GRUBBY_HAS,
            "grubby --update-kernel=ALL --remove-args={}",
            offline=True,
        ),
        cmdline.kernel_cmdline(host, _PURPOSE, only_where=r"\S"),
    ]


def rpm_ostree(host: HostPlan) -> list[HostEntry]:
    """Kernel arguments of the next deployment; the present one stays in the menu."""
    added = " ".join(f"--append-if-missing={quote(word)}" for word in host.kernel_params)
    return [
        _adding(
            host,
            f"rpm-ostree kargs {added}",
            "adds the kernel arguments to the next deployment; the present one stays in the menu",
            "rpm-ostree kargs | tr ' ' '\\n' | grep -Fqx -- {}",
            "rpm-ostree kargs --delete-if-present={}",
        )
    ]


def kernelstub(host: HostPlan) -> list[HostEntry]:
    """Pop!_OS writes its entries anew from the tool's own configuration; its recovery system is an entry of its own."""
    return [
        _adding(
            host,
            f"kernelstub -a {_quoted(host)}",
            "adds the kernel parameters to Pop!_OS' entries; its recovery system boots without them",
            "kernelstub -p 2>&1 | tr ' ' '\\n' | grep -Fqx -- {}",
            "kernelstub -d {}",
        )
    ]


def _quoted(host: HostPlan) -> str:
    return quote(" ".join(host.kernel_params))


def _adding(
    host: HostPlan,
    command: str,
    purpose: str,
    has_word: str,
    undo_word: str,
    *,
    offline: bool = False,
) -> HostCommand:
    """A command that adds the words; grubby is slow, and asked for all of them at once."""
    words = host.kernel_params
    together = has_word is _GRUBBY_HAS
    asked = [" ".join(words)] if together else words
    return HostCommand(
        command,
        purpose,
        step="boot-loader",
        unless=" && ".join(has_word.format(quote(word)) for word in asked),
        undo="; ".join(undo_word.format(quote(word)) for word in words),
        offline=offline,
        words=words,
        has_word=has_word,
        undo_word=undo_word,
    )


def limine(host: HostPlan) -> list[HostEntry]:
    """A drop-in; a plain setting of the user's would discard it, so there a line after it adds the same."""
    line = f'KERNEL_CMDLINE[default]+=" {" ".join(host.kernel_params)}"'
    text = f"# Written by Optimux: kernel parameters.\n{line}\n"
    anchor = r"^KERNEL_CMDLINE\[default\]\+=.* # Optimux$"
    command = families()["hostCommands"]["limine"][host.platform.initramfs or "mkinitcpio"]
    purpose = "writes image and entries with the new kernel parameters; no entry without them is kept"
    return [
        HostFile(LIMINE, text, _PURPOSE, step="boot-loader"),
        HostLines(
            LIMINE_DEFAULT,
            (f"{line} # Optimux",),
            anchor,
            "kernel parameters, where this file sets them itself",
            how="append at the end of the file, if it has a line `KERNEL_CMDLINE[default]=`; leave it alone otherwise",
            only_where=r"^KERNEL_CMDLINE\[default\]=",
            step="boot-loader",
        ),
        HostCommand(command, purpose, step="boot-loader", after=(LIMINE, LIMINE_DEFAULT), offline=True),
    ]


def sdboot_manage(host: HostPlan) -> list[HostEntry]:
    """CachyOS' tool for systemd-boot; the options of the fallback entries are a setting of their own."""
    line = f'LINUX_OPTIONS="{" ".join(host.kernel_params)}"'
    how = "add the words that are missing to the setting `LINUX_OPTIONS`; where there is none, append the line"
    purpose = "writes the boot entries with the new kernel parameters; the fallback entries have none of them"
    return [
        HostLines(
            SDBOOT_MANAGE,
            (line,),
            f"^LINUX_OPTIONS{_ONE_LINE}",
            _PURPOSE,
            separator=" ",
            how=how,
            step="boot-loader",
        ),
        HostCommand("sdboot-manage gen", purpose, step="boot-loader", after=(SDBOOT_MANAGE,), offline=True),
    ]


def refind(host: HostPlan) -> list[HostEntry]:
    """rEFInd reads the file when it boots: the first line is the default, the third has a minimum of options."""
    how = "add the words that are missing to the quoted options of the first line; keep every word of its own"
    return [
        HostLines(
            REFIND,
            (" ".join(host.kernel_params),),
            r"\A(?:[ \t]*(?:#.*)?\n)*[ \t]*\"[^\"\n]*\"[ \t]+\"",
            "kernel parameters; the entry with minimal options boots without them",
            separator=" ",
            how=how,
            only_where=r"^[ \t]*\"[^\"\n]*\"[ \t]+\"",
            step="boot-loader",
        )
    ]


def manual(host: HostPlan) -> list[HostEntry]:
    """A loader that nobody here knows: told, and looked for on the command line of the next boot."""
    words = " ".join(host.kernel_params)
    purpose = "add these words to the kernel command line in your boot loader, and keep an entry without them"
    return [HostCommand(f"# {words}", purpose, step="boot-loader", by_hand=True)]
