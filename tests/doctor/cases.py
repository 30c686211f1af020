"""What breaks each check, and what its complaint says; and, where the machine does not show it, what makes it hold.

A case is the files that change (``None``: missing), edits of the configuration, and a part of what was seen.
"""

from __future__ import annotations

import gzip
import lzma

from tests.doctor.hook import HOOK, OUR_HOOK, hook_of, other_hook
from tests.doctor.images import archive
from tests.doctor.machine import GUEST, IMAGE, Members, Node, link
from tests.doctor.seat import KEPT_FREE, NO_SEAT, OWN_SEAT, WITH_MASTER
from tests.stores import CA_2023, PCA_2011, trusting

Edits = tuple[tuple[str, str], ...]
Case = tuple[Members, Edits, str]
GPU, SOUND = "/sys/bus/pci/devices/0000:01:00.0", "/sys/bus/pci/devices/0000:01:00.1"
CARD, AUDIO = (f"/sys/devices/pci0000:00/0000:00:01.0/0000:01:00.{number}" for number in (0, 1))
DMESG, CMDLINE = "/var/log/dmesg", "/proc/cmdline"
SHM: Edits = (('"kvmfr"', '"shm"'),)
ON_DEMAND: Edits = (("d3coldAllowed", 'bind = "on-demand"\nd3coldAllowed'),)
TABLES = "/sys/firmware/acpi/tables"
_GROUPED = ("pci0000:00/0000:00:00.0", "pci0000:00/0000:00:01.0", "pci0000:00/0000:00:02.0", "pci0000:00/0000:00:14.0")
WITHOUT_GROUPS: Members = {
    "/sys/kernel/iommu_groups": None,
    **{f"/sys/devices/{place}/iommu_group": None for place in (*_GROUPED, "pci0000:04/0000:04:00.0")},
    f"{CARD}/iommu_group": None,
    f"{AUDIO}/iommu_group": None,
}
NOUVEAU = link("../../../../bus/pci/drivers/nouveau")

PORT = "/sys/devices/pci0000:00/0000:00:01.0"
IDLE_D3 = "/sys/module/vfio_pci/parameters/disable_idle_d3"
MUX = "/sys/devices/platform/asus-nb-wmi/gpu_mux_mode"
SECURE_BOOT = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
IOMEM = """00000000-00000fff : Reserved
80000000-9fffffff : PCI Bus 0000:00
  88000000-8fffffff : 0000:00:02.0
  90000000-9fffffff : PCI Bus 0000:01
    90000000-9fffffff : 0000:01:00.0
{}  a0000000-afffffff : 0000:00:14.0
"""
NATIVE: Members = {
    f"{CARD}/driver": NOUVEAU,
    f"{AUDIO}/driver": NOUVEAU,
    "/sys/class/drm/card0": link("../../bus/pci/devices/0000:01:00.0/drm/card0"),
    f"{CARD}/drm/card0/device": link("../.."),
}
HELD: Members = {**NATIVE, "/proc/77/comm": "Xwayland\n", "/proc/77/fd/9": link("/dev/dri/card0")}

APPARMOR = "/etc/apparmor.d/abstractions/libvirt-qemu.d/optimux"
DENIED = (
    'audit: type=1400 audit(1.0:2): apparmor="DENIED" operation="open" class="file" profile="libvirt-5d5b00d8" '
    'name="/dev/kvmfr0" pid=9 comm="qemu-system-x86" requested_mask="wr" denied_mask="wr" fsuid=64055 ouid=0'
)
AVC = (
    'audit: type=1400 audit(1.0:2): avc:  denied  { map } for  pid=9 comm="qemu-system-x86" path="/dev/kvmfr0" '
    "dev=devtmpfs ino=1 scontext=system_u:system_r:svirt_t:s0:c1,c2 tcontext=system_u:object_r:device_t:s0 "
    "tclass=chr_file permissive=0"
)
SELINUX: Members = {
    "/sys/fs/selinux/enforce": "1",
    "/dev/kvmfr0": Node(gid=104, label="system_u:object_r:svirt_image_t:s0"),
}
PAGES = "/sys/kernel/mm/hugepages/hugepages-2048kB"
MODULES = "/lib/modules/6.12.41+deb13-amd64"
KVMFR = f"{MODULES}/updates/dkms/kvmfr.ko.xz"
SIGNING: Members = {
    SECURE_BOOT: b"\6\0\0\0\1",
    f"{MODULES}/modules.dep": "kernel/drivers/x.ko:\nupdates/dkms/kvmfr.ko.xz:\n",
}
SOCKETS = """Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 {} 0001 01 12345 {}
0000000000000000: 00000003 00000000 00000000 0001 03 12346
"""
RUNS: Members = {"/run/libvirt/qemu/win11.pid": "77\n"}
NETWORKS = "/etc/libvirt/qemu/networks"
CLIENT = "/usr/bin/looking-glass-client"
MENU = "/boot/grub/grub.cfg"
ENTRIES, IMAGES = "/boot/loader/entries", "/efi/EFI/Linux"
LINUX, OTHERS = "title Debian\noptions root=UUID=1 ro\n", "title Windows\nefi /EFI/Microsoft/Boot/bootmgfw.efi\n"
BY_ENTRIES: Edits = (('initramfs = "initramfs-tools"', 'initramfs = "dracut"\nbootLoader = "systemd-boot"'),)
BY_IMAGES: Edits = (('initramfs = "initramfs-tools"', 'initramfs = "dracut"\nbootLoader = "uki"'),)


def log(*lines: str) -> Members:
    """The log of a boot that consists of these lines."""
    return {DMESG: "".join(f"[{number:5}.000000] {line}\n" for number, line in enumerate(lines, 1))}


def qemu(line: str) -> Members:
    """QEMU's log of a VM that was started once."""
    start = "2026-11-02 10:00:00.000+0000: starting up libvirt version: 11.3.0"
    return {"/var/log/libvirt/qemu/win11.log": f"{start}\n2026-11-02T10:00:05.1Z qemu-system-x86_64: {line}\n"}


def packed(*names: str) -> bytes:
    """An image with these files, as gzip packs it, after an archive that is not packed."""
    return archive("kernel/x86/microcode/GenuineIntel.bin") + bytes(512) + gzip.compress(archive(*names))


# The log does not say that vfio-pci came first, so the image is looked into.
LATE: Members = {
    **log("nouveau 0000:01:00.0: NVIDIA GA106"),
    "/lib/modules/6.12.41+deb13-amd64/modules.alias": "alias pci:v000010DEd*sv*sd*bc03sc*i* nouveau\n",
}


# Checks of which the machine shows nothing: another configuration, or another file.
STORE = "/var/lib/libvirt/qemu/nvram/win11_VARS.fd"
DEFINED: Members = {"/etc/libvirt/qemu/win11.xml": f"<domain><os><nvram template='/v.fd'>{STORE}</nvram></os></domain>"}
HOLDS: dict[str, tuple[Members, Edits]] = {
    "firmware.keys": ({**DEFINED, STORE: trusting(PCA_2011, CA_2023)}, ()),
    "bootLoader.fallback": ({MENU: "submenu 'Without Optimux' --id optimux-without {\n}\n"}, ()),
    "shm.file": ({"/dev/shm/looking-glass": Node(b"0", gid=104)}, SHM),
    "card.holders": ({**NATIVE, "/proc/77/comm": "Xwayland\n", "/proc/77/fd/9": link("/dev/dri/card1")}, ON_DEMAND),
    "selinux.denials": (SELINUX, ()),
    "selinux.label": (SELINUX, ()),
    "modules.signed": ({**SIGNING, KVMFR: lzma.compress(b"ELF~Module signature appended~\n")}, ()),
    "memory.locked": ({**RUNS, "/proc/77/limits": "Max locked memory   unlimited   unlimited  bytes\n"}, ()),
    "libvirt.daemon": ({"/proc/net/unix": SOCKETS.format("00010000", "/var/run/libvirt/libvirt-sock")}, ()),
    "guest.report": ({**RUNS, GUEST: "gpuDriver holds 610.47\ndevice 0 NVIDIA"}, ()),
    "driver.override": ({f"{CARD}/driver_override": "vfio-pci\n"}, ()),
    "card.seat": ({**NATIVE, **OWN_SEAT}, KEPT_FREE),
    "hook.there": (HOOK, ON_DEMAND),
    "hook.seen": (hook_of(1300), ON_DEMAND),
    "hook.selinux": (HOOK, ON_DEMAND),
    "hook.alone": (HOOK, ON_DEMAND),
}

BROKEN: dict[str, list[Case]] = {
    "bootLoader.fallback": [
        ({MENU: "menuentry 'Debian' {\n}\n"}, (), "no submenu"),
        (
            {
                f"{ENTRIES}/1-6.9.conf": LINUX,
                f"{ENTRIES}/1-6.9-optimux-off.conf": LINUX,
                f"{ENTRIES}/1-6.12.conf": LINUX,
                f"{ENTRIES}/windows.conf": OTHERS,
            },
            BY_ENTRIES,
            f"none beside {ENTRIES}/1-6.12.conf",
        ),
        (
            {f"{IMAGES}/{name}.efi": "MZ" for name in ("1-6.9", "1-6.9-optimux-off", "1-6.12")},
            BY_IMAGES,
            "none beside 1-6.12.efi",
        ),
        ({f"{IMAGES}/1-6.12.efi": "MZ"}, BY_IMAGES, "none beside 1-6.12.efi"),
    ],
    "hook.there": [
        ({}, ON_DEMAND, "missing"),
        ({**HOOK, "/etc/optimux/cards.json": None}, ON_DEMAND, "missing"),
    ],
    "hook.seen": [
        (hook_of(1360), ON_DEMAND, "libvirtd is 60 s older than the hook"),
        ({**hook_of(1360), **other_hook(0o644, 1200)}, ON_DEMAND, "libvirtd is 60 s older than the hook"),
        ({**hook_of(1200), OUR_HOOK: Node(b"0", 0o644)}, ON_DEMAND, "not executable"),
    ],
    "hook.selinux": [
        ({**HOOK, "/sys/fs/selinux/booleans/virt_hooks_unconfined": "0 0"}, ON_DEMAND, "off"),
    ],
    "hook.alone": [
        ({**HOOK, "/etc/libvirt/hooks/qemu": "virsh nodedev-detach pci_0000_01_00_0\n"}, ON_DEMAND, "nodedev-detach"),
        (
            {
                **HOOK,
                "/etc/libvirt/hooks/qemu.d/win11/prepare/begin/a.sh": "echo x > /sys/bus/pci/drivers/nvidia/unbind\n",
            },
            ON_DEMAND,
            "drivers/nvidia/unbind",
        ),
    ],
    "iommu.on": [
        (WITHOUT_GROUPS, (), "DMAR, the kernel made no groups"),
        ({**WITHOUT_GROUPS, CMDLINE: "intel_iommu=off\n"}, (), "the kernel made no groups: intel_iommu=off"),
        ({**WITHOUT_GROUPS, f"{TABLES}/DMAR": None}, (), "no DMAR or IVRS"),
        ({**WITHOUT_GROUPS, "/sys/class/dmi/id/sys_vendor": "QEMU\n"}, (), "no groups"),
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
        ({f"{CARD}/driver": NOUVEAU}, ON_DEMAND, "nouveau"),
        ({f"{CARD}/driver": NOUVEAU, "/run/libvirt/qemu/win11.pid": "1\n"}, ON_DEMAND, "while win11 runs"),
        ({f"{CARD}/driver": None, f"{CARD}/driver_override": "vfio-pci\n"}, (), "though driver_override"),
    ],
    "driver.since": [
        (log("nouveau 0000:01:00.0: NVIDIA GA106", "vfio-pci 0000:01:00.0: enabling device"), (), "nouveau at 1.0 s"),
        (log("[drm] Initialized nouveau 1.4.0 for 0000:01:00.0 on minor 0"), (), "vfio-pci never"),
    ],
    "card.second": [({"/sys/devices/pci0000:00/0000:00:02.0/class": "0x088000\n"}, (), "none")],
    "card.panel": [
        ({MUX: "0\n"}, (), "the switch is on the card"),
        (
            {
                "/sys/class/drm/card0": link("../../bus/pci/devices/0000:01:00.0/drm/card0"),
                f"{CARD}/drm/card0/device": link("../.."),
                "/sys/class/drm/card0-eDP-1/status": "connected\n",
            },
            (),
            "eDP-1 is connected",
        ),
    ],
    "card.console": [({f"{CARD}/boot_vga": "1\n"}, (), "the boot display")],
    "card.framebuffer": [
        ({"/proc/iomem": IOMEM.format("        90000000-907e8fff : BOOTFB\n")}, (), "BOOTFB holds a part"),
        ({"/proc/iomem": IOMEM.format("          00000000-00000000 : simpledrm\n")}, (), "simpledrm holds a part"),
    ],
    "card.reserved": [
        (log("vfio-pci 0000:01:00.0: BAR 1: can't reserve [mem 0x90000000-0x9fffffff 64bit pref]"), (), "BAR 1"),
    ],
    "tools.others": [
        ({"/etc/supergfxd.conf": "{}\n"}, (), "supergfxctl is at work"),
        ({"/etc/udev/rules.d/50-remove-nvidia.rules": "# EnvyControl\n"}, (), "envycontrol is at work"),
        ({"/etc/udev/rules.d/50-remove-nvidia.rules": 'ATTR{remove}="1"\n'}, (), "a udev rule that removes the card"),
    ],
    "card.holders": [(HELD, ON_DEMAND, "Xwayland (77)")],
    "card.seat": [({**NATIVE, **seen}, KEPT_FREE, "card0 is on the seat of the d") for seen in (NO_SEAT, WITH_MASTER)],
    "reset.method": [
        ({f"{CARD}/reset_method": "\n"}, (), "none"),
        (
            {f"{CARD}/vendor": "0x1002\n", f"{CARD}/device": "0x731f\n"},
            (("10de:2520", "1002:731f"),),
            "bus, of a Navi 10, 12 or 14 card",
        ),
    ],
    "reset.done": [
        (log("vfio-pci 0000:01:00.0: not ready 65535ms after bus reset; giving up"), (), "giving up"),
    ],
    "power.idle": [
        ({f"{CARD}/power_state": "D0\n", f"{CARD}/power/control": "on\n"}, (), "D0, as power/control keeps it on"),
        ({f"{CARD}/power_state": "D3hot\n", f"{PORT}/d3cold_allowed": "0\n"}, (), "D3hot, as the port 0000:00:01.0"),
        ({f"{AUDIO}/power_state": "D3hot\n", f"{CARD}/d3cold_allowed": "0\n"}, (), "D3hot, as 0000:01:00.0 may not"),
        ({f"{CARD}/power_state": "D0\n", IDLE_D3: "Y\n"}, (), "D0, as disable_idle_d3 is set"),
        ({f"{CARD}/power_state": "D0\n"}, (), "D0, and nothing is seen"),
    ],
    "power.back": [
        (
            log("vfio-pci 0000:01:00.0: Unable to change power state from D3cold to D0, device inaccessible"),
            (),
            "D3cold",
        ),
    ],
    "modules.key": [
        ({"/sys/module/kvmfr": None, SECURE_BOOT: b"\6\0\0\0\1"}, (), "there is no key"),
        (
            {"/sys/module/kvmfr": None, SECURE_BOOT: b"\6\0\0\0\1", "/var/lib/dkms/mok.pub": b"\0key"},
            (),
            "the key is not enrolled",
        ),
    ],
    "modules.signed": [
        ({**SIGNING, KVMFR: lzma.compress(b"ELF")}, (), "not signed"),
        ({**SIGNING, KVMFR: lzma.compress(b"~Module signature appended~\nELF")}, (), "not signed"),
    ],
    "modules.taken": [(log("Loading of module with unavailable key is rejected"), (), "rejected")],
    "apparmor.rules": [({APPARMOR: "# nothing\n"}, (), "without /dev/kvmfr0 rw,")],
    "apparmor.denials": [
        (log(DENIED), (), "/dev/kvmfr0 (wr)"),
        ({"/var/log/audit/audit.log": f"type=AVC msg=audit(1.0:1): {DENIED}\n"}, (), "/dev/kvmfr0 (wr)"),
    ],
    "selinux.denials": [({**SELINUX, **log(AVC)}, (), "/dev/kvmfr0 (map)")],
    "selinux.label": [
        ({**SELINUX, "/dev/kvmfr0": Node(gid=104, label="system_u:object_r:device_t:s0")}, (), "device_t")
    ],
    "memory.fits": [({}, (('"8GiB"', '"32GiB"'), ("4096", "16384")), "32GiB of 31.6GiB")],
    "memory.hugepages": [({f"{PAGES}/free_hugepages": "4000\n"}, (), "4000 of 2MiB free, 4096 needed")],
    "memory.locked": [
        (
            {**RUNS, "/proc/77/limits": "Limit  Soft\nMax locked memory         67108864   67108864   bytes\n"},
            (),
            "67108864 bytes, of 8GiB",
        ),
        (log("vfio_pin_pages_remote: RLIMIT_MEMLOCK (67108864) exceeded"), (), "RLIMIT_MEMLOCK"),
    ],
    "tpm.swtpm": [
        ({"/usr/bin/swtpm": None}, (), "missing"),
        ({"/usr/bin/swtpm_setup": None}, (), "without swtpm_setup"),
    ],
    "tpm.state": [
        ({"/var/log/swtpm/libvirt/qemu/win11-swtpm.log": "Need read/write\nCMD_INIT: 0x101\n"}, (), "CMD_INIT: 0x101"),
    ],
    "firmware.image": [
        ({"/usr/share/qemu/firmware": None}, (), "none is described"),
        (
            {"/usr/share/qemu/firmware/50-edk2-ms.json": None},
            (("cpu.topology", "firmware.secureBoot = true\ncpu.topology"),),
            "2 images, none with Secure Boot and enrolled keys",
        ),
        ({"/usr/share/qemu/firmware/50-edk2-secure.json": None}, (), "2 images, none with Secure Boot, without keys"),
        (
            {"/usr/share/qemu/firmware/60-edk2.json": None},
            (("cpu.topology", 'firmware.secureBoot = "off"\ncpu.topology'),),
            "2 images, none with no Secure Boot",
        ),
    ],
    "firmware.keys": [({**DEFINED, STORE: trusting(PCA_2011)}, (), "the keys of 2011 alone")],
    "libvirt.daemon": [
        ({"/proc/net/unix": SOCKETS.format("00000000", "/run/libvirt/libvirt-sock")}, (), "nobody listens"),
        ({"/proc/net/unix": SOCKETS.format("00010000", "/run/dbus/system_bus_socket")}, (), "nobody listens"),
        ({"/run/libvirt/libvirt-sock": None}, (), "no libvirt is installed"),
        (
            {"/run/libvirt/libvirt-sock": None, "/usr/lib64/libvirt.so.0": "", "/usr/lib64/libvirt.so.0.11003.0": ""},
            (),
            "no socket",
        ),
    ],
    "libvirt.networks": [
        ({"/run/libvirt/network/default.xml": None}, (), "not active"),
        ({f"{NETWORKS}/default.xml": None}, (), "not defined"),
        ({f"{NETWORKS}/autostart/default.xml": None}, (), "not started at boot"),
    ],
    "domain.plan": [
        ({"/etc/libvirt/qemu/win11.xml": None}, (), "does not know it"),
        ({}, (('"8GiB"', '"6GiB"'),), "differences"),
        ({"/etc/libvirt/qemu/win11.xml": "<domain>"}, (), "domain"),
    ],
    "domain.log": [
        (qemu("vfio 0000:01:00.0: group 1 is not viable"), (), "group 1 is not viable"),
        (qemu("vfio_container_dma_map(0x1) = -22 (Invalid argument)"), (), "-22"),
        (qemu("Could not open '/dev/kvmfr0': Permission denied"), (), "Permission denied"),
        (qemu("vfio_container_dma_map(0x1) = -12 (Cannot allocate memory)"), (), "-12"),
    ],
    "client.there": [({CLIENT: None}, (), "missing")],
    "client.release": [
        ({CLIENT: b"\0shmFile\0shmDevice\0"}, (), "idd, as it knows shmDevice"),
        ({}, (('memory = "kvmfr"', 'memory = "kvmfr"\nrelease = "idd"'),), "b7, as it knows shmFile"),
    ],
    "client.settings": [
        ({"/home/alice/.config/looking-glass/client.ini": "[app]\nshmFile=/dev/shm/looking-glass\n"}, (), "/dev/shm"),
        ({"/etc/looking-glass-client.ini": "[lgmp]\nshmDevice=/dev/kvmfr0\n"}, (), "not set"),
    ],
    "files.there": [
        ({"/etc/modprobe.d/optimux.conf": None}, (), "missing"),
        ({"/etc/modprobe.d/optimux.conf": "options vfio-pci ids=10de:2520\n"}, (), "differs"),
    ],
    "log.faults": [
        (
            log("DMAR: [DMA Read NO_PASID] Request device [01:00.0] fault addr 0x1000 [fault reason 0x06]"),
            (),
            "1: DMAR",
        ),
        (log("AMD-Vi: Event logged [IO_PAGE_FAULT device=0000:01:00.0 domain=0x1 address=0x1]"), (), "1: AMD-Vi"),
    ],
    "log.interrupts": [
        (
            log("vfio_iommu_type1_attach_group: No interrupt remapping support.  Use the module param"),
            (),
            "No interrupt",
        ),
    ],
    "initramfs.tool": [
        ({"/usr/sbin/mkinitramfs": None, "/usr/bin/dracut": ""}, (), "dracut, where the plan has initramfs-tools"),
    ],
    "initramfs.content": [
        ({**LATE, IMAGE: packed("usr/lib/modules/6.12/nouveau.ko.xz")}, (), "without vfio-pci, with nouveau"),
        ({**LATE, IMAGE: packed("lib/modules/6.12/vfio-pci.ko")}, (), "without etc/modprobe.d/optimux.conf"),
    ],
    "guest.report": [
        ({**RUNS, GUEST: "device 43 NVIDIA"}, (), "NVIDIA: problem 43"),
        ({**RUNS, GUEST: "lookingGlass lacks no service"}, (), "lacks: no service"),
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
    "shm.file": [
        ({"/dev/shm/other": ""}, SHM, "missing"),
        ({"/dev/shm/looking-glass": "12345"}, SHM, "5 bytes, where 32 MiB"),
    ],
    "user.groups": [({"/etc/group": "kvm:x:104:bob\n"}, (), "not in kvm")],
    "qemuConf.devices": [
        ({"/etc/libvirt/qemu.conf": '#cgroup_device_acl = [ "/dev/kvmfr0" ]\n'}, (), "libvirt's own"),
        ({"/etc/libvirt/qemu.conf": 'cgroup_device_acl = [\n"/dev/null",\n#"/dev/kvmfr0"\n]\n'}, (), "/dev/kvmfr0"),
    ],
}

# Where nothing can be said, and what is said of it.
UNSEEN: dict[str, Case] = {
    "bootLoader.fallback": ({}, BY_ENTRIES, "no entry is found"),
    "iommu.on": ({**WITHOUT_GROUPS, "/sys/firmware": None}, (), "not shown"),
    "iommu.width": ({"/sys/firmware/acpi/tables/DMAR": None}, (), "not shown"),
    "kvm.there": ({"/dev": None, "/dev/kvm": None, "/dev/kvmfr0": None, "/dev/null": None}, (), "no /dev"),
    "commandLine.parameters": ({CMDLINE: ""}, (), "cannot be read"),
    "driver.since": ({DMESG: None}, (), "no journal"),
    "card.panel": ({"/sys/class/drm": None}, (), "no connected screen"),
    "card.framebuffer": ({"/proc/iomem": None}, (), "cannot be read"),
    "reset.method": ({f"{CARD}/reset_method": None}, (), "does not say"),
    "modules.key": ({"/sys/module/kvmfr": None, "/sys/firmware/efi/efivars/Boot": b""}, (), "not shown"),
    "kvmfr.size": ({"/sys/module/kvmfr/parameters": None, "/sys/module/kvmfr/refcnt": "0"}, (), "shows it to nobody"),
    "apparmor.rules": ({"/etc/apparmor.d": None}, (), "no /etc/apparmor.d"),
    "apparmor.denials": ({DMESG: None}, (), "no journal"),
    "selinux.denials": ({**SELINUX, DMESG: None}, (), "no journal"),
    "selinux.label": ({**SELINUX, "/dev/kvmfr0": Node(gid=104)}, (), "its label"),
    "memory.fits": ({"/proc/meminfo": None}, (), "not shown"),
    "memory.hugepages": ({"/sys/kernel/mm/hugepages": None}, (), "not shown"),
    "tpm.swtpm": ({"/usr": None}, (), "no programs"),
    "firmware.image": ({"/usr": None}, (), "no /usr/share"),
    "firmware.keys": ({**DEFINED, STORE: b"QFI\xfb"}, (), "no store"),
    "libvirt.daemon": ({"/run": None}, (), "no /run"),
    "libvirt.networks": ({NETWORKS: None}, (), "keeps nothing there"),
    "domain.plan": ({"/etc/libvirt/qemu": None}, (), "keeps nothing there"),
    "client.there": ({"/usr": None}, (), "no programs"),
    "client.release": ({CLIENT: b"ELF"}, (), "does not show its settings"),
    "initramfs.tool": ({"/usr/sbin/mkinitramfs": None}, (), "no tool shows itself"),
    "initramfs.content": ({**LATE, IMAGE: None}, (), "no image is found"),
    "modules.signed": ({**SIGNING, KVMFR: b"no xz"}, (), "cannot be unpacked"),
    "guest.report": ({**RUNS, GUEST: ""}, (), "nobody answers"),
    "user.groups": ({"/etc/passwd": "root:x:0:0::/root:/bin/bash\n"}, (), "no such user"),
}
