"""The kernel command line, in the boot loader's own file, and an entry that boots without what is added."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimux.emit.boot_loader import cmdline, grub, tools
from optimux.emit.boot_loader.cmdline import CMDLINE
from optimux.emit.boot_loader.grub import DROP_IN as GRUB_DROP_IN
from optimux.emit.boot_loader.grub import FILE as GRUB

if TYPE_CHECKING:
    from collections.abc import Callable

    from optimux.declare.values import BootLoader
    from optimux.emit.artifact import HostEntry
    from optimux.plan.model import HostPlan, Plan

__all__ = ["CMDLINE", "GRUB", "GRUB_DROP_IN", "boot_loader_entries"]

_WRITERS: dict[BootLoader, Callable[[HostPlan], list[HostEntry]]] = {
    "grub": grub.entries,
    "grubby": tools.grubby,
    "kernelstub": tools.kernelstub,
    "limine": tools.limine,
    "manual": tools.manual,
    "refind": tools.refind,
    "rpm-ostree": tools.rpm_ostree,
    "sdboot-manage": tools.sdboot_manage,
    "sdbootutil": cmdline.sdbootutil,
    "systemd-boot": cmdline.systemd_boot,
    "uki": cmdline.unified_image,
}


def boot_loader_entries(plan: Plan) -> list[HostEntry]:
    """The plan's parameters, added to those that are there, and the command that takes them into use."""
    host = plan.host
    if host.platform.boot_loader is None or not host.kernel_params:
        return []
    return _WRITERS[host.platform.boot_loader](host)
