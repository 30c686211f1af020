"""The initramfs: vfio-pci takes the card before any GPU driver is loaded."""

from __future__ import annotations

from optimux.emit.artifact import HostCommand, HostEntry
from optimux.emit.initramfs import booster, dracut, initramfs_tools, mkinitcpio
from optimux.plan.model import Plan
from optimux.rules import rules

_WRITERS = {
    "booster": booster.entries,
    "dracut": dracut.entries,
    "initramfs-tools": initramfs_tools.entries,
    "mkinitcpio": mkinitcpio.entries,
}


def initramfs_entries(plan: Plan) -> list[HostEntry]:
    """The files of the plan's own tool and its rebuild, where anything binds early."""
    tool = plan.host.platform.initramfs
    if tool is None or not plan.host.early_modules:
        return []
    return [*_WRITERS[tool](plan), rebuild(tool)]


def rebuild(tool: str) -> HostCommand:
    """The command that builds every image anew."""
    return HostCommand(rules()["hostCommands"]["initramfs"][tool], "rebuilds the initramfs with the above in it")
