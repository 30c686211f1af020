"""Refusals of values that are fine by themselves and not beside others: each rule once, with its nearest good twin."""

from __future__ import annotations

from typing import Any

from tests.bad_input.case import case
from tests.bad_input.edits import VM, Edits, of_vm

NEW: Edits = {"host.libvirtVersion": "12.2", "host.qemuVersion": "11.0"}


def _disk(**keys: Any) -> Edits:
    return {f"{VM}.disks": [{"source": "/a.img", **keys}]}


COMPUTE = (
    case(
        "a feature both ways",
        of_vm(cpu={"require": ["invtsc"], "disable": ["invtsc"]}),
        (f"{VM}.cpu.disable", "invtsc", "not in cpu.require too", "Choose one"),
        twin=of_vm(cpu={"require": ["invtsc"], "disable": ["hle"]}),
    ),
    case(
        "emulated address width without one",
        of_vm(cpu={"maxPhysAddr": {"mode": "emulate"}}),
        (f"{VM}.cpu.maxPhysAddr.bits", "nothing", "a width with emulate alone", "Match"),
        twin=of_vm(cpu={"maxPhysAddr": {"mode": "emulate", "bits": 39}}),
    ),
    case(
        "limit of an emulated address width",
        of_vm(cpu={"maxPhysAddr": {"mode": "emulate", "bits": 39, "limit": 39}}),
        (f"{VM}.cpu.maxPhysAddr.limit", "39", "only with passthrough", "Remove it"),
        twin=of_vm(cpu={"maxPhysAddr": {"mode": "passthrough", "limit": 39}}),
    ),
    case(
        "wider than the IOMMU",
        of_vm(cpu={"maxPhysAddr": {"mode": "emulate", "bits": 40}}),
        (f"{VM}.cpu.maxPhysAddr", "40", "at most the IOMMU's 39 bits", "Lower it"),
        twin=of_vm(cpu={"maxPhysAddr": {"mode": "emulate", "bits": 39}}),
        facts=True,
    ),
    case(
        "size of huge pages that are not used",
        of_vm(memoryBacking={"hugepageSize": "2MiB"}),
        (f"{VM}.memoryBacking.hugepageSize", "2MiB", "only with hugepages", "Remove it"),
        twin=of_vm(memoryBacking={"hugepages": True, "hugepageSize": "2MiB"}),
    ),
    case(
        "disk on an I/O thread that is not there",
        _disk(iothread=2) | of_vm(cpuTune={"iothreads": 1}),
        (f"{VM}.disks[0].iothread", "2", "1 to 1", "Raise cpuTune.iothreads"),
        twin=_disk(iothread=1) | of_vm(cpuTune={"iothreads": 1}),
    ),
    case(
        "CPUs of a VM that is not pinned",
        of_vm(whileRunning={"isolateCpus": True}),
        (f"{VM}.whileRunning.isolateCpus", "true", "beside pinned vCPUs", "vcpuPin"),
        twin=of_vm(whileRunning={"isolateCpus": True}, cpuTune={"vcpuPin": {"0": "1"}}),
    ),
    case(
        "huge pages made for memory that has none",
        of_vm(whileRunning={"hugepages": True}),
        (f"{VM}.whileRunning.hugepages", "true", "beside huge pages", "memoryBacking.hugepages = true"),
        twin=of_vm(whileRunning={"hugepages": True}, memoryBacking={"hugepages": True}),
    ),
    case(
        "range backwards",
        of_vm(cpuTune={"emulatorPin": "3-1"}),
        (f"{VM}.cpuTune.emulatorPin", "3-1", "from low to high", "Write 1-3"),
        twin=of_vm(cpuTune={"emulatorPin": "1-3"}),
    ),
    case(
        "more vCPUs than without an IOMMU of the guest's",
        of_vm(vcpus=256) | {f"{VM}.cpu": {}},
        (f"{VM}.vcpus", "256 vCPUs", "at most 255", "Lower"),
        twin=of_vm(vcpus=255) | {f"{VM}.cpu": {}},
    ),
    case(
        "cache of a model",
        of_vm(cpu={"mode": "host-model", "cache": "passthrough"}),
        (f"{VM}.cpu.cache", "with mode host-model", "emulate, disable or none", "another mode"),
        twin=of_vm(cpu={"mode": "host-passthrough", "cache": "passthrough"}),
    ),
    case(
        "huge pages of anonymous memory",
        of_vm(memoryBacking={"hugepages": True, "source": "anonymous"}),
        (f"{VM}.memoryBacking.source", "anonymous", "memfd or file", "Leave it out"),
        twin=of_vm(memoryBacking={"hugepages": True, "source": "memfd"}),
    ),
)

FIRMWARE = (
    case(
        "loader of a BIOS",
        of_vm(firmware={"type": "bios", "loader": "/a/OVMF.fd"}),
        (f"{VM}.firmware.loader", "/a/OVMF.fd", 'only with type = "efi"', "Remove it"),
        twin=of_vm(firmware={"type": "efi", "loader": "/a/OVMF.fd"}),
    ),
    case(
        "loader below /usr on NixOS",
        of_vm(firmware={"loader": "/usr/share/OVMF.fd"}) | {"host.distribution": "nixos"},
        (f"{VM}.firmware.loader", "/usr/share/OVMF.fd", "no NixOS system has /usr", "libvirt chooses"),
        twin=of_vm(firmware={"loader": "/nix/store/a/OVMF.fd"}) | {"host.distribution": "nixos"},
    ),
    case(
        "template without a loader",
        of_vm(firmware={"nvramTemplate": "/a/VARS.fd"}),
        (f"{VM}.firmware.nvramTemplate", "/a/VARS.fd", "only with a loader", "Add firmware.loader"),
        twin=of_vm(firmware={"nvramTemplate": "/a/VARS.fd", "loader": "/a/CODE.fd"}),
    ),
    case(
        "Secure Boot of a BIOS",
        of_vm(firmware={"type": "bios", "secureBoot": True}),
        (f"{VM}.firmware.secureBoot", "", 'only with type = "efi"', "Remove it"),
        twin=of_vm(firmware={"type": "efi", "secureBoot": True}),
    ),
    case(
        "battery table that QEMU would split",
        of_vm(battery={"path": "/srv/a,b.aml"}),
        (f"{VM}.battery.path", "/srv/a,b.aml", "without , and :", "QEMU splits"),
        twin=of_vm(battery={"path": "/srv/a-b.aml"}),
    ),
    case(
        "restart and destroy",
        of_vm(lifecycle={"onPoweroff": "restart", "onReboot": "destroy"}),
        (f"{VM}.lifecycle.onReboot", "destroy", "not destroy with onPoweroff", "Change one"),
        twin=of_vm(lifecycle={"onPoweroff": "restart", "onReboot": "restart"}),
    ),
    case(
        "sleep that no described firmware has",
        of_vm(powerManagement={"suspendToDisk": True}),
        (f"{VM}.powerManagement.suspendToDisk", "true", "false where libvirt chooses", "firmware.loader"),
        twin=of_vm(powerManagement={"suspendToDisk": True}, firmware={"loader": "/a/OVMF.fd"}),
    ),
    case(
        "date of the firmware",
        of_vm(smbios={"mode": "sysinfo", "bios": {"date": "31/12/2025"}}),
        (f"{VM}.smbios.bios.date", "31/12/2025", "mm/dd/yyyy", "American"),
        twin=of_vm(smbios={"mode": "sysinfo", "bios": {"date": "12/31/2025"}}),
    ),
    case(
        "tables that share a file",
        of_vm(battery={"path": "/srv/b.aml"})
        | {"vms.Second": {"memory": "1GiB", "battery": {"path": "/srv/b.aml", "capacity": 50000}}},
        ("vms.Second.battery.path", "another table at vms.Windows11", "one table a file", "a path of its own"),
        twin=of_vm(battery={"path": "/srv/b.aml"})
        | {"vms.Second": {"memory": "1GiB", "battery": {"path": "/srv/b.aml"}}},
    ),
)

DISKS = (
    case(
        "size of a block device",
        _disk(type="block", create="64GiB"),
        (f"{VM}.disks[0].create", "64GiB", "only with an image file", "Remove it"),
        twin=_disk(create="64GiB"),
    ),
    case(
        "CD-ROM on virtio",
        _disk(device="cdrom", bus="virtio"),
        (f"{VM}.disks[0].bus", "virtio", "sata, scsi or usb for a CD-ROM", '"sata"'),
        twin=_disk(device="cdrom", bus="sata"),
    ),
    case(
        "target of another bus",
        _disk(bus="virtio", target="sda"),
        (f"{VM}.disks[0].target", "sda", "vd…", "leave it out"),
        twin=_disk(bus="virtio", target="vda"),
    ),
    case(
        "drive address on virtio",
        _disk(driveAddress="0:0:0:0"),
        (f"{VM}.disks[0].driveAddress", "0:0:0:0", "sata or scsi disks only", "Leave it out"),
        twin=_disk(driveAddress="0:0:0:0", bus="sata"),
    ),
    case(
        "seventh port of a SATA controller",
        _disk(driveAddress="0:0:0:6", bus="sata"),
        (f"{VM}.disks[0].driveAddress", "0:0:0:6", "N:0:0:0 to N:0:0:5", "Correct it"),
        twin=_disk(driveAddress="0:0:0:5", bus="sata"),
    ),
    case(
        "one target twice",
        {f"{VM}.disks": [{"source": "/a", "target": "vda"}, {"source": "/b", "target": "vda"}]},
        (f"{VM}.disks[1].target", "vda", "each target once", "disks[0]'s"),
        twin={f"{VM}.disks": [{"source": "/a", "target": "vda"}, {"source": "/b", "target": "vdb"}]},
    ),
    case(
        "one place in the boot order twice",
        {f"{VM}.disks.1.bootOrder": 1},
        (f"{VM}.disks[1].bootOrder", "1", "each number once", "disks[0]'s"),
        twin={f"{VM}.disks.1.bootOrder": 2},
    ),
    case(
        "disk on SATA that is read alone",
        _disk(bus="sata", readonly=True),
        (f"{VM}.disks[0].readonly", "true", "false for disks on SATA", "another bus"),
        twin=_disk(bus="virtio", readonly=True),
    ),
    case(
        "native I/O through the host's cache",
        _disk(io="native", cache="writeback"),
        (f"{VM}.disks[0].cache", "writeback", "none or directsync", "Correct it"),
        twin=_disk(io="native", cache="none"),
    ),
    case(
        "NVMe before libvirt had it",
        _disk(bus="nvme"),
        (f"{VM}.disks[0].bus", "nvme, with libvirt 11.3", "or newer", "Use another"),
        twin=_disk(bus="nvme") | NEW,
    ),
)

DEVICES = (
    case(
        "sound over USB on a controller of high speed alone",
        of_vm(sound={"model": "usb"}, usb={"model": "ich9-ehci1"}),
        (f"{VM}.sound.model", "usb, on ich9-ehci1", "full speed", 'usb.model = "qemu-xhci"'),
        twin=of_vm(sound={"model": "usb"}, usb={"model": "nec-xhci"}),
    ),
    case(
        "watchdog before libvirt had it",
        of_vm(watchdog={"model": "itco"}) | {"host.libvirtVersion": "9.0"},
        (f"{VM}.watchdog.model", "itco, with libvirt 9.0", "or newer", '"i6300esb"'),
        twin=of_vm(watchdog={"model": "itco"}),
    ),
    case(
        "sound server before libvirt had it",
        of_vm(sound={"backend": "pipewire"}) | {"host.libvirtVersion": "9.0"},
        (f"{VM}.sound.backend", "pipewire, with libvirt 9.0", "or newer", '"spice"'),
        twin=of_vm(sound={"backend": "pipewire"}),
    ),
    case(
        "PCI address of a USB keyboard",
        of_vm(inputs=[{"type": "keyboard", "bus": "usb", "address": "0000:00:12.0"}]),
        (f"{VM}.inputs[0].address", "0000:00:12.0", "virtio only", "Remove it"),
        twin=of_vm(inputs=[{"type": "keyboard", "bus": "virtio", "address": "0000:00:12.0"}]),
    ),
    case(
        "tablet on PS/2",
        of_vm(inputs=[{"type": "tablet", "bus": "ps2"}]),
        (f"{VM}.inputs[0].bus", "ps2", "usb or virtio for a tablet", '"virtio"'),
        twin=of_vm(inputs=[{"type": "tablet", "bus": "virtio"}]),
    ),
    case(
        "terminal with a path",
        of_vm(serials=[{"type": "pty", "path": "/a"}]),
        (f"{VM}.serials[0].path", "/a", "a path with file or unix", "Match"),
        twin=of_vm(serials=[{"type": "file", "path": "/a"}]),
    ),
    case(
        "one serial port twice",
        of_vm(serials=[{"port": 1}, {"port": 1}]),
        (f"{VM}.serials[1].port", "1", "each port once", "serials[0]'s"),
        twin=of_vm(serials=[{"port": 1}, {"port": 2}]),
    ),
    case(
        "console that is not the first",
        of_vm(serials=[{"port": 0}, {"port": 1, "console": True}]),
        (f"{VM}.serials[1].console", "true", "true for the first alone", "to the front"),
        twin=of_vm(serials=[{"port": 0, "console": True}, {"port": 1}]),
    ),
    case(
        "codec of a sound device without one",
        of_vm(sound={"model": "usb", "codec": "duplex"}),
        (f"{VM}.sound.codec", "duplex", "a codec with ich6 or ich9", "Remove it"),
        twin=of_vm(sound={"model": "ich9", "codec": "duplex"}),
    ),
    case(
        "figure that a display has not",
        of_vm(video={"model": "virtio", "vram": 16384}),
        (f"{VM}.video.vram", "16384", "vram with vga", "virtio has none"),
        twin=of_vm(video={"model": "vga", "vram": 16384}),
    ),
    case(
        "figure that would be rounded",
        of_vm(video={"model": "vga", "vram": 20000}),
        (f"{VM}.video.vram", "20000", "a power of two", "Use 32768"),
        twin=of_vm(video={"model": "vga", "vram": 32768}),
    ),
    case(
        "bridge of a name that is too long",
        of_vm(networks=[{"type": "bridge", "source": "a" * 16}]),
        (f"{VM}.networks[0].source", "a" * 16, "at most 15 letters", "ip link"),
        twin=of_vm(networks=[{"type": "bridge", "source": "a" * 15}]),
    ),
    case(
        "MAC address of zeros",
        of_vm(networks=[{"mac": "00:00:00:00:00:00"}]),
        (f"{VM}.networks[0].mac", "00:00:00:00:00:00", "other than zero", "leave it out"),
        twin=of_vm(networks=[{"mac": "00:00:00:00:00:02"}]),
    ),
    case(
        "USB devices without a controller",
        of_vm(usb={"model": "none", "redirectionPorts": [], "hostDevices": [{"id": "046d:c52b"}]}, inputs=[]),
        (f"{VM}.usb.hostDevices", "a USB device", "none without a USB controller", "Set usb.model"),
        twin=of_vm(usb={"model": "none", "redirectionPorts": []}, inputs=[]),
    ),
    case(
        "USB redirection without SPICE",
        of_vm(spice={"enable": False}, channels=[], sound={"model": "none"}, usb={"redirectionPorts": [1]}),
        (
            f"{VM}.usb.redirectionPorts",
            "redirection",
            "nothing that needs SPICE, which is off",
            "Switch spice.enable on",
        ),
        twin=of_vm(spice={"enable": False}, channels=[], sound={"model": "none"}, usb={"redirectionPorts": []}),
    ),
    case(
        "USB port that the controller has not",
        of_vm(usb={"ports": 4, "redirectionPorts": [5]}),
        (f"{VM}.usb.redirectionPorts[0]", "5", "at most 4", "raise usb.ports"),
        twin=of_vm(usb={"ports": 4, "redirectionPorts": [4]}),
    ),
    case(
        "one USB port twice",
        of_vm(usb={"redirectionPorts": [2, 2]}),
        (f"{VM}.usb.redirectionPorts[1]", "2", "each USB port once", "redirectionPorts[0]'s"),
        twin=of_vm(usb={"redirectionPorts": [2, 3]}),
    ),
    case(
        "medium that is not made",
        of_vm(guestMedia={"attach": True, "enable": False}),
        (f"{VM}.guestMedia.attach", "true without enable", "a medium that is made", "guestMedia.enable"),
        twin=of_vm(guestMedia={"attach": True, "enable": True}),
    ),
)

HYPERV = (
    case(
        "timer without what it needs",
        of_vm(hyperv={"synic": False}),
        (f"{VM}.hyperv.stimer", "without one of them", "together with synic", "Switch stimer off"),
        twin=of_vm(hyperv={"synic": False, "stimer": False, "stimerDirect": False}),
    ),
    case(
        "interrupts without virtual processors",
        of_vm(hyperv={"vpindex": False, "stimer": False, "tlbflush": False, "ipi": False}),
        (f"{VM}.hyperv.synic", "true", "together with vpindex", "Switch synic off"),
        twin=of_vm(hyperv={"vpindex": False, "stimer": False, "tlbflush": False, "ipi": False, "synic": False}),
    ),
    case(
        "flushes and interrupts without virtual processors",
        of_vm(hyperv={"vpindex": False, "stimer": False, "synic": False, "tlbflush": True, "ipi": True}),
        (f"{VM}.hyperv.tlbflush", "true", "together with vpindex", "Switch tlbflush off"),
        (f"{VM}.hyperv.ipi", "true", "together with vpindex", "Switch ipi off"),
        twin=of_vm(hyperv={"tlbflush": True, "ipi": True}),
    ),
    case(
        "enlightenment before libvirt had it",
        of_vm(hyperv={"xmmInput": True}) | {"host.libvirtVersion": "10.6"},
        (f"{VM}.hyperv.xmmInput", "true, with libvirt 10.6", "libvirt 10.7 or newer", "update libvirt"),
        twin=of_vm(hyperv={"xmmInput": True}) | {"host.libvirtVersion": "10.7"},
    ),
)

RULES = (*COMPUTE, *FIRMWARE, *DISKS, *DEVICES, *HYPERV)
