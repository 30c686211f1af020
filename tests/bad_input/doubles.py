"""Refusals of what two devices cannot share, and of what only the machine's own words show to be wrong."""

from __future__ import annotations

from typing import Any

from tests.bad_input.case import Case, case
from tests.bad_input.edits import GPU, VM, Edits

SOURCES = ("/srv/a.qcow2", "/srv/b.qcow2")


def _disks(*pairs: dict[str, Any]) -> Edits:
    return {f"{VM}.disks": [{"source": source, **keys} for source, keys in zip(SOURCES, pairs, strict=True)]}


DOUBLES: tuple[Case, ...] = (
    case(
        "two disks at one drive address",
        _disks({"bus": "sata", "driveAddress": "0:0:0:0"}, {"bus": "sata", "driveAddress": "0:0:0:0"}),
        (f"{VM}.disks[1].driveAddress", "0:0:0:0", "each drive address once", "disks[0] is there already"),
        twin=_disks({"bus": "sata", "driveAddress": "0:0:0:0"}, {"bus": "sata", "driveAddress": "0:0:0:1"}),
    ),
    case(
        "a target at another disk's drive address",
        _disks({"bus": "sata", "driveAddress": "0:0:0:1"}, {"bus": "sata", "target": "sdb"}),
        (f"{VM}.disks[1].target", "0:0:0:1", "each drive address once", "disks[0] is there already"),
        twin=_disks({"bus": "sata", "driveAddress": "0:0:0:1"}, {"bus": "sata", "target": "sdc"}),
    ),
    case(
        "an iothread for SCSI",
        {f"{VM}.cpuTune": {"iothreads": 1}, **_disks({"bus": "scsi", "iothread": 1}, {})},
        (f"{VM}.disks[0].iothread", "1", "virtio disks only", "Remove it"),
        twin={f"{VM}.cpuTune": {"iothreads": 1}, **_disks({"bus": "virtio", "iothread": 1}, {})},
    ),
    case(
        "an empty CD-ROM drive on USB",
        {f"{VM}.disks": [{"device": "cdrom", "bus": "usb"}]},
        (f"{VM}.disks[0].source", "nothing", "an image, on USB", 'bus = "sata"'),
        twin={f"{VM}.disks": [{"device": "cdrom", "bus": "usb", "source": "/srv/a.iso"}]},
    ),
    case(
        "two channels at one port",
        {f"{VM}.channels": [{"port": 1}, {"type": "unix", "name": "a.b", "port": 1}]},
        (f"{VM}.channels[1].port", "1", "each once", "channels[0].port"),
        twin={f"{VM}.channels": [{"port": 1}, {"type": "unix", "name": "a.b", "port": 2}]},
    ),
    case(
        "one USB device twice",
        {f"{VM}.usb": {"hostDevices": [{"id": "046d:c52b"}, {"id": "046d:c52b"}]}},
        (f"{VM}.usb.hostDevices[1].id", "046d:c52b", "each once", "hostDevices[0].id"),
        twin={f"{VM}.usb": {"hostDevices": [{"id": "046d:c52b"}, {"id": "046d:c52c"}]}},
    ),
    case(
        "a BIOS release without a dot",
        {f"{VM}.smbios": {"mode": "sysinfo", "bios": {"release": "x"}}},
        (f"{VM}.smbios.bios.release", "x", "two numbers joined by a dot", "QEMU"),
        twin={f"{VM}.smbios": {"mode": "sysinfo", "bios": {"release": "1.22"}}},
    ),
    case(
        "a battery table in place of a system's file",
        {"host.securityModule": "none", f"{VM}.battery": {"path": "/etc/fstab"}},
        (f"{VM}.battery.path", "/etc/fstab", "a name that ends in .aml, .dat, .bin", "ours alone"),
        twin={"host.securityModule": "none", f"{VM}.battery": {"path": "/etc/ssdt1.dat"}},
    ),
    case(
        "the GPU beside function 0",
        {f"{VM}.pci": {"gpu": "0000:01:00.1"}},
        (f"{VM}.pci.gpu", "0000:01:00.1", "an address of function 0", "Write 0000:01:00.0"),
        twin={f"{VM}.pci": {"gpu": "0000:03:00.0"}},
    ),
    case(
        "a bridge among the other devices",
        {f"{GPU}.otherDevices": [{"address": "0000:00:01.0", "id": "8086:9a01"}]},
        (f"{GPU}.otherDevices[0].address", "0000:00:01.0, a bridge", "no bridge", "Leave bridges out"),
        twin={f"{GPU}.otherDevices": [{"address": "0000:00:1f.3", "id": "8086:43c8"}]},
        facts=True,
    ),
)
