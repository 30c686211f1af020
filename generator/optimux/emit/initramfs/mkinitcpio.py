"""mkinitcpio.conf(5): a drop-in (mkinitcpio 36 and newer) that puts ours before what the user has."""

from __future__ import annotations

from optimux.emit.artifact import HostFile
from optimux.emit.initramfs.override import PURPOSE, override_lines
from optimux.emit.modprobe import PATH as MODPROBE
from optimux.emit.text import commented
from optimux.plan.model import Plan

CONF = "/etc/mkinitcpio.conf.d/optimux.conf"
INSTALL = "/etc/initcpio/install/optimux"
HOOK = "/etc/initcpio/hooks/optimux"
# With the systemd hook no run-time hook runs: there a unit runs the same function, in the same busybox.
_INSTALL = r"""
build() {
    local unit=/usr/lib/systemd/system/optimux-driver-override.service
    add_binary /usr/lib/initcpio/busybox /usr/bin/busybox
    add_runscript
    mkdir -p "$BUILDROOT${unit%/*}"
    cat >"$BUILDROOT$unit" <<'UNIT'
[Unit]
Description=Reserve PCI functions for vfio-pci
DefaultDependencies=no
Before=systemd-modules-load.service systemd-udevd.service systemd-udev-trigger.service

[Service]
Type=oneshot
ExecStart=/usr/bin/busybox ash -c '. /hooks/optimux; run_earlyhook'
UNIT
    add_symlink "${unit%/*}/sysinit.target.wants/${unit##*/}" "../${unit##*/}"
}

help() {
    echo 'Reserves PCI functions for vfio-pci before any driver is loaded.'
}
""".strip("\n")


def entries(plan: Plan) -> list[HostFile]:
    """The drop-in; for binding by address a hook too."""
    lines = [
        f'MODULES=({" ".join(plan.host.early_modules)} "${{MODULES[@]}}")',
        f'FILES=({MODPROBE} "${{FILES[@]}}")',
        *(['HOOKS=(optimux "${HOOKS[@]}")'] if plan.host.override_addresses else []),
    ]
    text = commented("vfio-pci and its options in the initramfs, before any GPU driver.", lines)
    conf = HostFile(CONF, text, "puts vfio-pci and its options into the initramfs")
    return [conf, *_hook(plan)] if plan.host.override_addresses else [conf]


def _hook(plan: Plan) -> list[HostFile]:
    install = commented("the hook that runs before udev.", _INSTALL.split("\n"), "#!/bin/bash")
    body = ["run_earlyhook() {", *(f"    {line}" for line in override_lines(plan)), "}"]
    hook = commented(PURPOSE, body, "#!/usr/bin/busybox ash")
    return [
        HostFile(INSTALL, install, "takes the hook into the image"),
        HostFile(HOOK, hook, "reserves the functions for vfio-pci before udev starts"),
    ]
