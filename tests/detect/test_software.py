"""Distribution, boot, security and tools: by evidence, over small trees of the files that each leaves behind."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import pytest

from optimux.facts.detect import Root, detect
from tests.detect.tree import link, put
from tests.stores import CA_2023, PCA_2011, trusting

if TYPE_CHECKING:
    from pathlib import Path

    from optimux.facts import Facts

Tree = dict[str, "str | bytes"]
DPKG = "/var/lib/dpkg/status"
EFIVARS = "/sys/firmware/efi/efivars"
LOADER_INFO = f"{EFIVARS}/LoaderInfo-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"


def facts_of(root: Path, files: Tree) -> Facts:
    root.mkdir(exist_ok=True)
    for path, content in files.items():
        put(root, path, content)
    return detect(Root.at(str(root)))


def package(name: str, version: str, status: str = "install ok installed") -> str:
    return f"Package: {name}\nStatus: {status}\nPriority: optional\nVersion: {version}\n\n"


@pytest.mark.parametrize(
    ("release", "family"),
    [
        ("ID=debian\n", "debian"),
        ("ID=linuxmint\nID_LIKE='ubuntu debian'\n", "debian"),
        ("ID=cachyos\nID_LIKE=arch\n", "arch"),
        ('ID=nobara\nID_LIKE="rhel centos fedora"\n', "fedora"),
        ('ID="opensuse-tumbleweed"\nID_LIKE="opensuse suse"\n', "opensuse"),
        ("ID=bazzite\nID_LIKE=fedora\n", "fedora-atomic"),
        ("ID=gentoo\n", None),
        ("ID=nixos\n", "nixos"),
        ("nonsense", None),
    ],
)
def test_family(release: str, family: str | None, tmp_path: Path) -> None:
    assert facts_of(tmp_path, {"/etc/os-release": release}).distribution == family


BOTH = {"/usr/bin/dracut": "", "/usr/sbin/mkinitramfs": ""}


@pytest.mark.parametrize(
    ("files", "tools"),
    [
        (BOTH, ["dracut", "initramfs-tools"]),
        (BOTH | {DPKG: package("dracut", "106-6")}, ["dracut"]),
        (BOTH | {DPKG: package("dracut-core", "106-6") + package("initramfs-tools", "0.148")}, ["initramfs-tools"]),
        (BOTH | {DPKG: package("dracut", "106-6", "deinstall ok config-files")}, []),
        ({"/usr/bin/mkinitcpio": "", "/var/lib/pacman/local/mkinitcpio-39.2-3/desc": ""}, ["mkinitcpio"]),
        ({}, []),
    ],
)
def test_initramfs(files: Tree, tools: list[str], tmp_path: Path) -> None:
    assert [seen.name for seen in facts_of(tmp_path, files).boot.initramfs] == tools


@pytest.mark.parametrize(
    ("files", "loaders"),
    [
        ({"/etc/default/grub": ""}, ["grub"]),
        (
            {LOADER_INFO: b"\6\0\0\0" + "systemd-boot 257".encode("utf-16-le"), "/etc/default/grub": ""},
            ["systemd-boot", "grub"],
        ),
        ({LOADER_INFO: b"\6\0\0\0" + "Limine 9.2".encode("utf-16-le")}, ["limine"]),
        ({LOADER_INFO: b"\6"}, []),
        ({"/usr/sbin/grubby": "", "/boot/grub2/grub.cfg": ""}, ["grubby", "grub"]),
    ],
)
def test_boot_loaders(files: Tree, loaders: list[str], tmp_path: Path) -> None:
    assert [seen.name for seen in facts_of(tmp_path, files).boot.loaders] == loaders


def test_versions_of_dpkg(tmp_path: Path) -> None:
    status = package("libvirt-daemon", "11.3.0-3+deb13u1") + package("qemu-system-x86", "1:10.0.3+ds-0+deb13u1")
    facts = facts_of(tmp_path, {DPKG: status})
    assert (str(facts.libvirt_version), str(facts.qemu_version)) == ("11.3", "10.0.3")


def test_versions_of_pacman(tmp_path: Path) -> None:
    local = "/var/lib/pacman/local"
    facts = facts_of(tmp_path, {f"{local}/libvirt-1:11.9.0-1/desc": "", f"{local}/qemu-desktop-10.1.2-1/desc": ""})
    assert (str(facts.libvirt_version), str(facts.qemu_version)) == ("11.9", "10.1.2")


def test_versions_by_names_of_files(tmp_path: Path) -> None:
    store = "/nix/store/0123456789abcdfghijklmnpqrsvwxyz-qemu-10.1.0/bin/qemu-system-x86_64"
    put(tmp_path, store, "")
    put(tmp_path, "/usr/lib64/libvirt.so.0.12004.1", "")
    link(tmp_path, "/usr/lib64/libvirt.so.0", "/usr/lib64/libvirt.so.0.12004.1")
    link(tmp_path, "/run/current-system/sw/bin/qemu-system-x86_64", store)
    facts = facts_of(tmp_path, {})
    assert (str(facts.libvirt_version), str(facts.qemu_version)) == ("12.4.1", "10.1")


@pytest.mark.parametrize(
    ("files", "module"),
    [
        ({"/sys/kernel/security/lsm": "lockdown,capability,apparmor"}, "apparmor"),
        ({"/sys/kernel/security/lsm": "lockdown,selinux", "/sys/fs/selinux/enforce": "1"}, "selinux"),
        ({"/sys/kernel/security/lsm": "lockdown,capability"}, "none"),
        ({}, None),
    ],
)
def test_security_module(files: Tree, module: str | None, tmp_path: Path) -> None:
    assert facts_of(tmp_path, files).security_module == module


@pytest.mark.parametrize(
    ("files", "state"),
    [
        ({"/sys/module/kvmfr/parameters/static_size_mb": "128,64,0\n"}, "loaded"),
        ({"/lib/modules/6.12.1/modules.dep": "updates/dkms/kvmfr.ko.xz:\n"}, "installed"),
        ({"/lib/modules/6.12.1/modules.dep": "kernel/notkvmfr.ko:\n", "/etc/os-release": "ID=debian"}, "missing"),
        ({"/etc/os-release": "ID=arch"}, "packaged"),
    ],
)
def test_kvmfr(files: Tree, state: str, tmp_path: Path) -> None:
    facts = facts_of(tmp_path, {"/proc/sys/kernel/osrelease": "6.12.1\n", "/dev/kvmfr0": "", **files})
    assert facts.kvmfr.state == state
    assert facts.kvmfr.false_devices == ("/dev/kvmfr0",)
    assert facts.kvmfr.sizes == ((128, 64) if state == "loaded" else ())


@pytest.mark.parametrize(
    ("path", "content", "tool"),
    [
        ("/etc/udev/rules.d/50-remove-nvidia.rules", "# Automatically generated by EnvyControl", "envycontrol"),
        ("/etc/udev/rules.d/50-remove-nvidia.rules", "# mine", "a udev rule that removes the card"),
        ("/etc/modprobe.d/blacklist-nvidia.conf", "blacklist nvidia", "prime-select"),
        ("/etc/supergfxd.conf", "", "supergfxctl"),
    ],
)
def test_other_tools(path: str, content: str, tool: str, tmp_path: Path) -> None:
    assert [seen.name for seen in facts_of(tmp_path, {path: content}).other_tools] == [tool]


def _event(number: int, **bits: str) -> Tree:
    device = f"/sys/class/input/event{number}/device"
    given: dict[str, Any] = {"ev": "0", "key": "0", "rel": "0"} | bits
    return {f"{device}/capabilities/{name}": f"{value}\n" for name, value in given.items()}


def test_inputs_are_told_apart(tmp_path: Path) -> None:
    keys = "402000000 3803078f800d001 feffffdfffefffff fffffffffffffffe"
    media = "3f000303ff 0 0 483ffff17aff32d bfd4444600000000 1 130ff38b17d000 677bfad9415fed 19ed68000004400 0 10000002"
    mouse = "1f0000 0 0 0 0"
    finger = "e520 10000 0 0 0 0"
    for event, name in ((3, "platform-i8042-serio-0-event-kbd"), (5, "pci-0000:00:14.0-usb-0:2:1.0-event-mouse")):
        link(tmp_path, f"/dev/input/by-path/{name}", f"/dev/input/event{event}")
    link(tmp_path, "/dev/input/by-id/usb-Maker_Mouse-event-mouse", "/dev/input/event5")
    files = {
        **_event(0, ev="21"),  # a lid switch
        **_event(1, ev="3", key="10000000000000 0"),  # a power button
        **_event(3, ev="120013", key=keys),
        **_event(4, ev="1f", key=media),
        **_event(5, ev="17", key=mouse, rel="1943"),
        **_event(6, ev="b", key=finger),
    }
    facts = facts_of(tmp_path, files)
    assert [(item.kind, item.path, item.stable) for item in facts.inputs] == [
        ("keyboard", "/dev/input/by-path/platform-i8042-serio-0-event-kbd", True),
        ("mouse", "/dev/input/by-id/usb-Maker_Mouse-event-mouse", True),
        ("touchpad", "/dev/input/event6", False),
    ]


def test_disks_in_use(tmp_path: Path) -> None:
    """A root on LVM on LUKS keeps its disk; one that nothing is mounted of is free."""
    pci = "/sys/devices/pci0000:00/0000:00:06.0/0000:02:00.0/nvme/nvme0"
    for name in ("nvme0n1", "nvme1n1"):
        link(tmp_path, f"/sys/block/{name}", f"{pci}/{name}")
    for name in ("dm-0", "dm-1"):
        link(tmp_path, f"/sys/block/{name}", f"/sys/devices/virtual/block/{name}")
    link(tmp_path, "/dev/disk/by-id/nvme-Maker_Disk_1", "/dev/nvme1n1")
    virtual = "/sys/devices/virtual/block"
    files: Tree = {
        f"{pci}/nvme0n1/size": "1000215216\n",
        f"{pci}/nvme0n1/nvme0n1p2/dev": "259:2\n",
        f"{pci}/nvme0n1/nvme0n1p2/holders/dm-0/x": "",
        f"{virtual}/dm-0/dev": "253:0\n",
        f"{virtual}/dm-0/holders/dm-1/x": "",
        f"{virtual}/dm-1/dev": "253:1\n",
        f"{pci}/nvme1n1/size": "2000\n",
        "/proc/self/mountinfo": "22 1 253:1 / / rw - ext4 /dev/mapper/root rw\n",
    }
    facts = facts_of(tmp_path, files)
    assert [(disk.name, disk.in_use, str(disk.controller)) for disk in facts.disks] == [
        ("nvme0n1", True, "0000:02:00.0"),
        ("nvme1n1", False, "0000:02:00.0"),
    ]
    assert facts.disks[1].path == "/dev/disk/by-id/nvme-Maker_Disk_1"


def test_users(tmp_path: Path) -> None:
    passwd = "root:x:0:0::/root:/bin/bash\nada:x:1000:1000::/home/ada:/bin/bash\nno:x:1001:1:::/usr/sbin/nologin\n"
    facts = facts_of(tmp_path, {"/etc/passwd": passwd, "/etc/group": "ada:x:1000:\nkvm:x:78:ada,x\nbroken\n"})
    assert [(user.name, user.groups) for user in facts.users] == [("ada", ("ada", "kvm"))]
    assert facts.user == "ada"


DESCRIPTION = """{"interface-types": ["uefi"], "features": [%s],
"targets": [{"architecture": "x86_64", "machines": ["pc-q35-*"]}], "mapping": {"device": "flash",
"executable": {"filename": "/usr/share/OVMF/%s.fd"}, "nvram-template": {"filename": "/usr/share/OVMF/VARS.%s.fd"}}}"""


@pytest.mark.parametrize(
    ("store", "years"), [(trusting(PCA_2011), (2011,)), (trusting(PCA_2011, CA_2023), (2011, 2023)), (b"", ())]
)
def test_keys_of_a_variable_store(store: bytes, years: tuple[int, ...], tmp_path: Path) -> None:
    files: Tree = {
        "/usr/share/qemu/firmware/40-enrolled.json": DESCRIPTION % ('"secure-boot", "enrolled-keys"', "MS", "ms"),
        "/usr/share/qemu/firmware/50-secure.json": DESCRIPTION % ('"secure-boot"', "SB", "plain"),
        "/usr/share/qemu/firmware/60-broken.json": '{"mapping": []}',
        "/usr/share/OVMF/VARS.ms.fd": store,
    }
    enrolled, secure = facts_of(tmp_path, files).firmware.images
    assert (enrolled.enrolled_keys, enrolled.template, enrolled.keys) == (True, "/usr/share/OVMF/VARS.ms.fd", years)
    assert (secure.secure_boot, secure.enrolled_keys, secure.keys) == (True, False, ())


def test_widths_of_the_iommu(tmp_path: Path) -> None:
    """The unit's register says 39 bits where the table says 46."""
    table = bytearray(48)
    struct.pack_into("4s", table, 0, b"DMAR")
    table[36] = 45
    files: Tree = {
        "/sys/firmware/acpi/tables/DMAR": bytes(table),
        "/sys/class/iommu/dmar0/intel-iommu/cap": "1c0000c40660462\n",
    }
    assert facts_of(tmp_path, files).cpu.iommu_bits == 39


PRESET = "PRESETS=('default')\ndefault_uki=/efi/EFI/Linux/arch-linux.efi\n"


@pytest.mark.parametrize(
    ("preset", "names", "found"),
    [
        (PRESET, (), ()),
        (PRESET, ("root.conf", "optimux.conf", "notes.txt"), ("/etc/cmdline.d/root.conf",)),
        (
            PRESET.replace("_uki", "_efi_image"),
            ("a.conf", "b.conf"),
            ("/etc/cmdline.d/a.conf", "/etc/cmdline.d/b.conf"),
        ),
        # It makes no unified image, or one with a command line of its own; or somebody else makes it.
        (PRESET.replace("default_uki", "#default_uki"), ("root.conf",), None),
        (f"{PRESET}ALL_cmdline=/etc/kernel/cmdline\n", ("root.conf",), None),
        (None, ("root.conf",), None),
    ],
)
def test_who_reads_the_command_lines_drop_ins(
    preset: str | None, names: tuple[str, ...], found: tuple[str, ...] | None, tmp_path: Path
) -> None:
    files: Tree = {f"/etc/cmdline.d/{name}": "quiet\n" for name in names}
    if preset is not None:
        files["/etc/mkinitcpio.d/linux.preset"] = preset
    assert facts_of(tmp_path, files).boot.cmdline_drop_ins == found
