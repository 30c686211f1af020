"""Modules that are built here, and what confines a guest."""

from __future__ import annotations

from tests.doctor.cases import (
    DENIED,
    DMESG,
    KVMFR,
    MODULES,
    SECURE_BOOT,
    SELINUX,
    SHM,
    SIGNING,
    log,
)
from tests.doctor.further import NIXOS, Further
from tests.doctor.machine import HIDDEN, Node

MODULE: dict[str, Further] = {
    "no Secure Boot": (
        "modules.key",
        {"/sys/module/kvmfr": None, SECURE_BOOT: b"\6\0\0\0\0"},
        (),
        "holds: Secure Boot is off",
    ),
    "an enrolled key": (
        "modules.key",
        {
            "/sys/module/kvmfr": None,
            SECURE_BOOT: b"\6\0\0\0\1",
            "/var/lib/dkms/mok.pub": b"\0key",
            "/sys/firmware/efi/efivars/MokListRT-605dab50-e046-4300-abb6-3dd810dd8b23": b"xx\0keyxx",
        },
        (),
        "holds: the key is enrolled",
    ),
    "no kvmfr": ("modules.key", {SECURE_BOOT: b"\6\0\0\0\1"}, SHM, ""),
    "no kvmfr to sign": ("modules.signed", SIGNING, SHM, ""),
    "no kvmfr to take": ("modules.taken", {}, SHM, ""),
    "no configuration": ("modules.taken", {}, None, ""),
    "signed or not, without Secure Boot": ("modules.signed", {KVMFR: b"ELF"}, (), ""),
    "not installed": ("modules.signed", {**SIGNING, f"{MODULES}/modules.dep": "x/akvmfr.ko.xz.y\n"}, (), ""),
    "not there": ("modules.signed", SIGNING, (), ""),
    "packed otherwise": (
        "modules.signed",
        {**SIGNING, f"{MODULES}/modules.dep": "updates/kvmfr.ko.bz2:\n", f"{MODULES}/updates/kvmfr.ko.bz2": b"BZh"},
        (),
        "unseen: it cannot be unpacked",
    ),
    "no log": ("modules.taken", {DMESG: None}, (), "unseen: no journal"),
    "unsigned": ("modules.taken", log("Loading of unsigned module is rejected"), (), "broken: Loading of unsigned"),
    "restricted": (
        "modules.taken",
        log("Lockdown: modprobe: unsigned module loading is restricted; see man"),
        (),
        "broken: Lockdown",
    ),
}

CONFINED: dict[str, Further] = {
    "rules of NixOS": ("apparmor.rules", {}, NIXOS, ""),
    "rules, none needed": ("apparmor.rules", {}, None, ""),
    "rules that are hidden": (
        "apparmor.rules",
        {"/etc/apparmor.d/abstractions/libvirt-qemu.d/optimux": HIDDEN},
        (),
        "unseen: it cannot be read",
    ),
    "refused, of no guest": ("apparmor.denials", log(DENIED.replace("libvirt-5d5b00d8", "firefox")), (), "holds: none"),
    "refused, what it can do without": (
        "apparmor.denials",
        log(DENIED.replace("/dev/kvmfr0", "/etc/ssl")),
        (),
        "holds",
    ),
    "refused, a disk of the plan": (
        "apparmor.denials",
        log(DENIED.replace("/dev/kvmfr0", "/var/lib/libvirt/images/win11.qcow2").replace('requested_mask="wr" ', "")),
        (),
        "broken: /var/lib/libvirt/images/win11.qcow2 (?)",
    ),
    "refused by the helper": (
        "apparmor.denials",
        log(DENIED.replace("libvirt-5d5b00d8", "virt-aa-helper")),
        (),
        "broken",
    ),
    "refused, and no AppArmor": ("apparmor.denials", {**log(DENIED), "/sys/kernel/security/lsm": "yama\n"}, (), ""),
    "auditd's log, hidden": (
        "apparmor.denials",
        {"/var/log/audit/audit.log": HIDDEN},
        (),
        "unseen: auditd's log is root's alone",
    ),
    "auditd's log, hidden, and a refusal": (
        "apparmor.denials",
        {**log(DENIED), "/var/log/audit/audit.log": HIDDEN},
        (),
        "broken: /dev/kvmfr0 (wr)",
    ),
    "a label of a file": (
        "selinux.label",
        {**SELINUX, "/dev/kvmfr0": Node(gid=104, label="system_u:object_r:tmpfs_t:s0")},
        (),
        "broken: tmpfs_t",
    ),
    "a label of nobody": (
        "selinux.label",
        {**SELINUX, "/dev/kvmfr0": Node(gid=104, label="system_u:object_r:unlabeled_t:s0")},
        (),
        "broken: unlabeled_t",
    ),
    "a label of another's": (
        "selinux.label",
        {**SELINUX, "/dev/kvmfr0": Node(gid=104, label="system_u:object_r:kvm_device_t:s0")},
        (),
        "holds: kvm_device_t",
    ),
    "no device to label": ("selinux.label", {**SELINUX, "/dev/kvmfr0": None}, (), ""),
    "a label, and SELinux permissive": ("selinux.label", {"/sys/fs/selinux/enforce": "0"}, (), ""),
}
