"""GRUB by grub-mkconfig: its defaults are a shell script, its menu is what the scripts in /etc/grub.d print."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from optimux.emit.artifact import HostCommand, HostEntry, HostFile, HostLines
from optimux.emit.boot_loader.fallback import WITHOUT
from optimux.emit.text import commented
from optimux.rules import families

if TYPE_CHECKING:
    from optimux.plan.model import HostPlan

DROP_IN = "/etc/default/grub.d/optimux.cfg"
FILE = "/etc/default/grub"
FALLBACK = "/etc/grub.d/11_optimux"
_PURPOSE = "kernel parameters"
# The line adds to the user's own setting: whoever puts it in that one's place loses root= or cryptdevice=.
_HOW = "append at the end of the file; replace only an earlier line that ends in `# Optimux`, never your own"
PLAIN = re.compile(r"[A-Za-z0-9_.,:=/@%+-]+")
# What stood there before ours, for the entries without it: grub-mkconfig exports to its scripts only its own names.
_BEFORE = 'export OPTIMUX_WITHOUT="$GRUB_CMDLINE_LINUX_DEFAULT"'
_ANCHOR = r"^(?:export OPTIMUX_WITHOUT=.*; )?GRUB_CMDLINE_LINUX_DEFAULT=.* # Optimux$"
_SCRIPT = f"""
# Debian's own recovery entries may be switched off, and the others' menus have none.
set -e
[ -n "${{OPTIMUX_WITHOUT+set}}" ] && [ -x /etc/grub.d/10_linux ] || exit 0
export GRUB_CMDLINE_LINUX_DEFAULT="$OPTIMUX_WITHOUT {WITHOUT}"
export GRUB_DISABLE_SUBMENU=y GRUB_DISABLE_RECOVERY=true
# Functions, which it prints first, are none in a submenu, and are there already.
entries=$(/etc/grub.d/10_linux | sed -n -e "s/menuentry_id_option '/&optimux-without-/" -e '/^menuentry/,$p')
[ -n "$entries" ] || exit 0
echo "submenu 'Without Optimux' --id optimux-without {{"
printf '%s\\n' "$entries"
echo "}}"
""".strip("\n")


def entries(host: HostPlan) -> list[HostEntry]:
    """A file of our own where grub-mkconfig reads such, else a line at the end of the user's; and the fallback."""
    words = " ".join(map(_word, host.kernel_params))
    line = f'GRUB_CMDLINE_LINUX_DEFAULT="$GRUB_CMDLINE_LINUX_DEFAULT {_in_double_quotes(words)}"'
    entry: HostEntry
    if host.platform.distribution == "debian":
        text = commented("kernel parameters.", [_BEFORE, line])
        entry = HostFile(DROP_IN, text, _PURPOSE, step="boot-loader")
    else:
        # A shell script: a line at its end adds to what the user wrote above, and is found again by its comment.
        ours = (f"{_BEFORE}; {line} # Optimux",)
        entry = HostLines(FILE, ours, _ANCHOR, _PURPOSE, how=_HOW, step="boot-loader")
    script = commented("entries that boot without its parameters and without vfio-pci.", [_SCRIPT], "#!/bin/sh")
    purpose = "a submenu that boots the machine as it was"
    fallback = HostFile(FALLBACK, script, purpose, mode=0o755, step="boot-loader")
    command = families()["hostCommands"]["grub"][host.platform.distribution]
    purpose = "writes GRUB's menu with the new kernel parameters"
    after = (entry.path, FALLBACK)
    return [entry, fallback, HostCommand(command, purpose, step="boot-loader", after=after, offline=True)]


def _word(word: str) -> str:
    """A word for GRUB's own shell; kernel parameters have no single quotes."""
    return word if PLAIN.fullmatch(word) else f"'{word}'"


def _in_double_quotes(text: str) -> str:
    """Text for a double-quoted string of the shell (POSIX.1-2017, Shell Command Language 2.2.3)."""
    return re.sub(r'([$`"\\])', r"\\\1", text)
