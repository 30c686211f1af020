"""Doctor on booted machines: what the generated files made of one holds, and each fault made there is named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lab.l1.configs import AUDIO, GPU
from lab.l1.fixtures import OPTIONS, domain_file

if TYPE_CHECKING:
    from lab.l1.machine import L1
    from lab.scenarios.given import Given

_SECONDS = 180
# What the booted machine must show, by its own kernel, udev, libvirt and log.
HOLDS = (
    "iommu.on",
    "iommu.group",
    "iommu.given",
    "kvm.there",
    "commandLine.parameters",
    "commandLine.spelling",
    "driver.now",
    "driver.since",
    "initramfs.tool",
    "initramfs.content",
    "qemuConf.devices",
    "user.groups",
    "log.faults",
    "libvirt.daemon",
)
OF_KVMFR = ("kvmfr.module", "kvmfr.device", "kvmfr.size", "memory.access")
CARD = f"/sys/bus/pci/devices/{AUDIO}"
NATIVE = "/sys/bus/pci/drivers/snd_hda_intel"


def outcomes(report: dict[str, Any]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for check in report["checks"]:
        found.setdefault(check["check"], set()).add(check["outcome"])
    return found


def test_what_was_generated_holds(by_id: L1, plan: Given) -> None:
    report = by_id.call("doctor.look", _SECONDS, options=OPTIONS)
    wanted = (*HOLDS, *(OF_KVMFR if plan.memory.kind == "kvmfr" else ()))
    found = outcomes(report)
    assert {key: found.get(key) for key in wanted} == {key: {"holds"} for key in wanted}, report
    (first, *_) = [check for check in report["checks"] if (check["check"], check["subject"]) == ("driver.since", GPU)]
    assert first["seen"].startswith("vfio-pci asked for 1234:1111 at ")


# A fault that a shell makes, what undoes it, the check that names it, and in which words.
FAULTS = {
    "another driver": (
        [
            f"echo {AUDIO} > {CARD}/driver/unbind",
            f"echo snd_hda_intel > {CARD}/driver_override",
            f"echo {AUDIO} > {NATIVE}/bind",
        ],
        [
            f"echo {AUDIO} > {CARD}/driver/unbind",
            f"echo > {CARD}/driver_override",
            f"echo {AUDIO} > /sys/bus/pci/drivers/vfio-pci/bind",
        ],
        "driver.now",
        "snd_hda_intel",
    ),
    "no entry in qemu.conf": (
        ["cp -p /etc/libvirt/qemu.conf /tmp/qemu.conf", "sed -i '/kvmfr/d' /etc/libvirt/qemu.conf"],
        ["cp -p /tmp/qemu.conf /etc/libvirt/qemu.conf"],
        "qemuConf.devices",
        "without /dev/kvmfr0",
    ),
    "a node for root alone": (
        ["chmod 0600 /dev/kvmfr0"],
        ["chmod 0660 /dev/kvmfr0"],
        "memory.access",
        "0600 root:kvm: not for alice",
    ),
    "a user out of the group": (
        ["gpasswd -d alice kvm"],
        ["usermod -aG kvm alice"],
        "user.groups",
        "not in kvm",
    ),
    "a file of ours that is gone": (
        ["mv /etc/modprobe.d/optimux.conf /tmp/"],
        ["mv /tmp/optimux.conf /etc/modprobe.d/"],
        "files.there",
        "missing: module options and load order",
    ),
    "a daemon that is off": (
        ["mv /run/libvirt/libvirt-sock /run/libvirt/moved"],
        ["mv /run/libvirt/moved /run/libvirt/libvirt-sock"],
        "libvirt.daemon",
        "no socket",
    ),
    "no module": (
        ["modprobe -r kvmfr", "echo mine > /dev/kvmfr0"],
        ["rm -f /dev/kvmfr0", "modprobe kvmfr", "udevadm settle"],
        "kvmfr.device",
        "a plain file",
    ),
    "a VM that differs": (
        [f"virsh define {domain_file('another-size')}"],
        ["virsh undefine win"],
        "domain.plan",
        "differences",
    ),
}


def test_twins(by_id: L1, plan: Given) -> None:
    """Each in turn, and undone: the check that it is about names it."""
    there = {name: fault for name, fault in FAULTS.items() if plan.memory.kind == "kvmfr" or "kvmfr" not in str(fault)}
    calls = [(commands, back, [key]) for commands, back, key, _ in there.values()]
    found = by_id.call("doctor.broken_by", 10 * _SECONDS, options=OPTIONS, faults=calls)
    unnamed = {
        name: seen
        for (name, (_, _, key, said)), seen in zip(there.items(), found, strict=True)
        if not any(line.startswith(f"{key}: ") and said in line for line in seen)
    }
    assert unnamed == {}


def test_twin_without_the_files(without_files: L1) -> None:
    """Nothing of ours: the card's own drivers have it, and the log says since when."""
    without_files.call("doctor.save_options", _SECONDS, path=OPTIONS)
    report = without_files.call("doctor.look", _SECONDS, options=OPTIONS)
    found = {key for key, seen in outcomes(report).items() if "broken" in seen}
    assert {"commandLine.parameters", "driver.now", "driver.since", "files.there"} <= found, report
