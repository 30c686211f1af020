"""The initramfs: vfio-pci takes the card before any GPU driver is loaded."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from optimux.emit.artifact import HostCommand, HostEntry, HostFile, HostLines
from optimux.emit.initramfs import booster, dracut, initramfs_tools, mkinitcpio
from optimux.emit.modprobe import PATH as MODPROBE
from optimux.plan.model import Plan
from optimux.rules import rules

_WRITERS: dict[str, Callable[[Plan], Sequence[HostFile | HostLines]]] = {
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
    written = [entry.replace(step="initramfs") for entry in _WRITERS[tool](plan)]
    return [*written, rebuild(tool, (MODPROBE, *(entry.path for entry in written)))]


def rebuild(tool: str, after: tuple[str, ...]) -> HostCommand:
    """The command that builds every image anew, once one of the files has changed that go into it."""
    command = rules()["hostCommands"]["initramfs"][tool]
    return HostCommand(
        command, "rebuilds the initramfs with the above in it", step="initramfs", after=after, offline=True
    )
