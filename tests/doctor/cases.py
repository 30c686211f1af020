"""What breaks each check, and what its complaint says; and, where the machine does not show it, what makes it hold.

A case is the files that change (``None``: missing), edits of the configuration, and a part of what was seen.
"""

from __future__ import annotations

from tests.doctor.machine import Members, Node, link

Edits = tuple[tuple[str, str], ...]
Case = tuple[Members, Edits, str]
GPU, SOUND = "/sys/bus/pci/devices/0000:01:00.0", "/sys/bus/pci/devices/0000:01:00.1"
CARD, AUDIO = (f"/sys/devices/pci0000:00/0000:00:01.0/0000:01:00.{number}" for number in (0, 1))
DMESG, CMDLINE = "/var/log/dmesg", "/proc/cmdline"
SHM: Edits = (('"kvmfr"', '"shm"'),)
BY_LIBVIRT: Edits = (("d3coldAllowed", 'bind = "libvirt"\nd3coldAllowed'),)
TABLES = "/sys/firmware/acpi/tables"
_GROUPED = ("pci0000:00/0000:00:00.0", "pci0000:00/0000:00:01.0", "pci0000:00/0000:00:02.0", "pci0000:00/0000:00:14.0")
WITHOUT_GROUPS: Members = {
    "/sys/kernel/iommu_groups": None,
    **{f"/sys/devices/{place}/iommu_group": None for place in (*_GROUPED, "pci0000:04/0000:04:00.0")},
    f"{CARD}/iommu_group": None,
    f"{AUDIO}/iommu_group": None,
}
NOUVEAU = link("../../../../bus/pci/drivers/nouveau")


def log(*lines: str) -> Members:
    """The log of a boot that consists of these lines."""
    return {DMESG: "".join(f"[{number:5}.000000] {line}\n" for number, line in enumerate(lines, 1))}


# Checks of which the machine shows nothing: another configuration, or another file.
HOLDS: dict[str, tuple[Members, Edits]] = {
    "shm.file": ({"/dev/shm/looking-glass": Node(b"0", gid=104)}, SHM),
    "driver.override": ({f"{CARD}/driver_override": "vfio-pci\n"}, ()),
}

BROKEN: dict[str, list[Case]] = {
    "iommu.on": [
        (WITHOUT_GROUPS, (), "DMAR, the kernel made no groups"),
        ({**WITHOUT_GROUPS, CMDLINE: "intel_iommu=off\n"}, (), "the kernel made no groups: intel_iommu=off"),
        ({**WITHOUT_GROUPS, f"{TABLES}/DMAR": None}, (), "no DMAR or IVRS"),
    ],
    "iommu.width": [({}, (("cpu.topology", 'cpu.maxPhysAddr = { mode = "emulate", bits = 42 }\ncpu.topology'),), "42")],
    "iommu.group": [
        ({"/sys/devices/pci0000:00/0000:00:14.0/iommu_group": link("../../../kernel/iommu_groups/1")}, (), "xhci_hcd"),
    ],
    "iommu.given": [
        ({f"{AUDIO}/iommu_group": None}, (), "in no group"),
        ({SOUND: None}, (), "no such device"),
    ],
    "kvm.there": [
        ({"/dev/kvm": None}, (), "missing"),
    ],
    "commandLine.parameters": [
        ({CMDLINE: "root=UUID=x ro quiet\n"}, (), "without intel_iommu=on iommu=pt"),
        ({CMDLINE: "intel_iommu=on iommu=pt hugepagesz=2M hugepages=4096 intel_iommu=off\n"}, (), "intel_iommu=off"),
    ],
    "commandLine.spelling": [
        ({CMDLINE: "intel_iommu=on iommu=pt vfio-pci-ids=10de:2520\n"}, (), "vfio-pci-ids"),
        ({CMDLINE: "intel_iomu=on\n"}, (), "intel_iomu=on"),
        ({CMDLINE: "intel_iommu=yes\n"}, (), "intel_iommu=yes"),
        ({CMDLINE: "vfio_pci.ids=0000:01:00.0\n"}, (), "vfio_pci.ids"),
    ],
    "commandLine.aspm": [({CMDLINE: "intel_iommu=on iommu=pt pcie_aspm=off\n"}, (), "pcie_aspm=off")],
    "driver.now": [
        ({f"{CARD}/driver": NOUVEAU}, (), "nouveau"),
        ({f"{CARD}/driver": NOUVEAU}, BY_LIBVIRT, "nouveau"),
        ({f"{CARD}/driver": NOUVEAU, "/run/libvirt/qemu/win11.pid": "1\n"}, BY_LIBVIRT, "while win11 runs"),
        ({f"{CARD}/driver": None, f"{CARD}/driver_override": "vfio-pci\n"}, (), "though driver_override"),
    ],
    "driver.since": [
        (log("nouveau 0000:01:00.0: NVIDIA GA106", "vfio-pci 0000:01:00.0: enabling device"), (), "nouveau at 1.0 s"),
        (log("[drm] Initialized nouveau 1.4.0 for 0000:01:00.0 on minor 0"), (), "vfio-pci never"),
    ],
    "driver.override": [({f"{CARD}/driver_override": "nouveau\n"}, (), "nouveau")],
    "kvmfr.module": [
        ({"/sys/module/kvmfr": None}, (), "not installed"),
        (
            {"/sys/module/kvmfr": None, "/lib/modules/6.12.41+deb13-amd64/modules.dep": "updates/dkms/kvmfr.ko.xz:\n"},
            (),
            "installed, not loaded",
        ),
    ],
    "kvmfr.device": [
        ({"/dev/kvmfr0": "QEMU's\n"}, (), "a plain file"),
        ({"/dev/kvmfr0": None}, (), "nothing"),
    ],
    "kvmfr.size": [({"/sys/module/kvmfr/parameters/static_size_mb": "64\n"}, (), "64 MiB, where 32")],
    "memory.access": [
        ({"/dev/kvmfr0": Node(mode=0o600)}, (), "0600 root:root: not for alice"),
        ({"/dev/kvmfr0": Node(gid=7), "/etc/group": "kvm:x:104:\n"}, (), "not for alice"),
        ({"/dev/kvmfr0": Node(acl="user::rw-,user:1000:rw-,mask::r--")}, (), "not for alice"),
        ({"/dev/shm/looking-glass": Node(b"0", 0o600, uid=64055)}, SHM, "0600"),
    ],
    "shm.file": [({"/dev/shm/other": ""}, SHM, "missing")],
    "user.groups": [({"/etc/group": "kvm:x:104:bob\n"}, (), "not in kvm")],
    "qemuConf.devices": [
        ({"/etc/libvirt/qemu.conf": '#cgroup_device_acl = [ "/dev/kvmfr0" ]\n'}, (), "libvirt's own"),
        ({"/etc/libvirt/qemu.conf": 'cgroup_device_acl = [\n"/dev/null",\n#"/dev/kvmfr0"\n]\n'}, (), "/dev/kvmfr0"),
    ],
}

# Where nothing can be said, and what is said of it.
UNSEEN: dict[str, Case] = {
    "iommu.on": ({**WITHOUT_GROUPS, "/sys/firmware": None}, (), "not shown"),
    "iommu.width": ({"/sys/firmware/acpi/tables/DMAR": None}, (), "not shown"),
    "kvm.there": ({"/dev": None, "/dev/kvm": None, "/dev/kvmfr0": None, "/dev/null": None}, (), "no /dev"),
    "commandLine.parameters": ({CMDLINE: ""}, (), "cannot be read"),
    "driver.since": ({DMESG: None}, (), "no journal"),
    "user.groups": ({"/etc/passwd": "root:x:0:0::/root:/bin/bash\n"}, (), "no such user"),
}
