"""The host's whole side: every entry, in the order in which it is installed."""

from __future__ import annotations

from optimux.acpi.battery import battery_table
from optimux.emit.apparmor import apparmor_entries
from optimux.emit.artifact import HostCommand, HostEntry, HostFile
from optimux.emit.autostart import autostart_entries
from optimux.emit.boot_loader import boot_loader_entries
from optimux.emit.initramfs import initramfs_entries
from optimux.emit.libvirt_hook import hook_entries
from optimux.emit.libvirt_start import libvirt_start_entries
from optimux.emit.looking_glass_client import client_entries
from optimux.emit.modprobe import modprobe_entries
from optimux.emit.modules_load import modules_load_entries
from optimux.emit.packages import package_entries
from optimux.emit.qemu_conf import qemu_conf_entries
from optimux.emit.scream import scream_entries
from optimux.emit.selinux import selinux_entries
from optimux.emit.tmpfiles import tmpfiles_entries
from optimux.emit.udev import udev_entries
from optimux.emit.users import user_entries
from optimux.plan.model import Plan

# The boot loader before the initramfs: where both are one image, its last command builds it.
_EMITTERS = (
    package_entries,
    modprobe_entries,
    modules_load_entries,
    udev_entries,
    tmpfiles_entries,
    apparmor_entries,
    selinux_entries,
    qemu_conf_entries,
    hook_entries,
    libvirt_start_entries,
    user_entries,
    autostart_entries,
    client_entries,
    scream_entries,
    boot_loader_entries,
    initramfs_entries,
)


def host_entries(plan: Plan) -> list[HostEntry]:
    """What a host other than NixOS needs; NixOS takes all of it from its module."""
    if plan.host.platform.distribution == "nixos":
        return []
    entries = [entry for emitter in _EMITTERS for entry in emitter(plan)]
    return _first_things_first(_each_command_once([*_battery_tables(plan), *entries]))


def _battery_tables(plan: Plan) -> list[HostEntry]:
    purpose = "the guest's battery"
    return [HostFile(t.path, battery_table(t.battery), purpose, step="tables") for t in plan.battery_tables]


def _each_command_once(entries: list[HostEntry]) -> list[HostEntry]:
    """Of equal commands the last, due after what any of them is due after."""
    last: dict[str, int] = {}
    after: dict[str, tuple[str, ...]] = {}
    for index, entry in enumerate(entries):
        if isinstance(entry, HostCommand):
            last[entry.command] = index
            after[entry.command] = tuple(dict.fromkeys((*after.get(entry.command, ()), *entry.after)))
    return [
        entry.replace(after=after[entry.command]) if isinstance(entry, HostCommand) else entry
        for index, entry in enumerate(entries)
        if not isinstance(entry, HostCommand) or last[entry.command] == index
    ]


def _first_things_first(entries: list[HostEntry]) -> list[HostEntry]:
    return sorted(entries, key=lambda entry: not (isinstance(entry, HostCommand) and entry.first))
