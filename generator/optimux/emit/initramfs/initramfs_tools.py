"""initramfs-tools(7): a hook of our own. /etc/initramfs-tools/modules is the user's, and conf.d cannot add modules."""

from __future__ import annotations

from optimux.emit.artifact import HostFile
from optimux.emit.initramfs.override import PURPOSE, override_lines
from optimux.emit.text import commented
from optimux.plan.model import Plan

HOOK = "/etc/initramfs-tools/hooks/optimux"
# Scripts without prerequisites run in the order of their names: before "udev", whose coldplug loads drivers.
SCRIPT = "/etc/initramfs-tools/scripts/init-top/00-optimux"
_PREREQS = ['if [ "$1" = prereqs ]; then', "    echo", "    exit 0", "fi"]


def entries(plan: Plan) -> list[HostFile]:
    """The hook; for binding by address a script too. modprobe.d is copied by initramfs-tools itself."""
    loads = (f"force_load {module}" for module in plan.host.early_modules)
    lines = [*_PREREQS, ". /usr/share/initramfs-tools/hook-functions", *loads]
    hook = commented("vfio-pci in the initramfs; the softdeps in modprobe.d put it first.", lines, "#!/bin/sh")
    found = [HostFile(HOOK, hook, "puts vfio-pci into the initramfs", mode=0o755)]
    if plan.host.override_addresses:
        script = commented(PURPOSE, [*_PREREQS, *override_lines(plan)], "#!/bin/sh")
        found.append(HostFile(SCRIPT, script, "reserves the functions for vfio-pci before udev starts", mode=0o755))
    return found
