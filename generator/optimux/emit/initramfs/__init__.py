"""The initramfs: vfio-pci takes the card before any GPU driver is loaded."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from optimux.emit.artifact import HostCommand, HostEntry, HostFile, HostLines
from optimux.emit.initramfs import booster, dracut, initramfs_tools, mkinitcpio
from optimux.emit.modprobe import PATH as MODPROBE
from optimux.plan.model import HostPlan, Plan
from optimux.rules import families

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
    return [*written, rebuild(plan.host, (MODPROBE, *(entry.path for entry in written)))]


def rebuild(host: HostPlan, after: tuple[str, ...]) -> HostCommand:
    """The command that builds every image anew, once one of the files has changed that go into it."""
    return HostCommand(
        _rebuild_command(host),
        _purpose(host),
        step="initramfs",
        after=after,
        offline=True,
    )


def _purpose(host: HostPlan) -> str:
    built = "rebuilds the initramfs with the above in it"
    return (
        f"{built}, and the entries; no entry without them is kept" if host.platform.boot_loader == "limine" else built
    )


def _rebuild_command(host: HostPlan) -> str:
    """Where one tool makes image and boot entry together, that one; else the distribution's own way."""
    commands = families()["hostCommands"]
    tool = host.platform.initramfs or ""
    if host.platform.boot_loader == "limine":
        return str(commands["limine"][tool])
    own = commands["initramfsOf"].get(host.platform.distribution, {})
    return str(own.get(tool) or commands["initramfs"][tool])
