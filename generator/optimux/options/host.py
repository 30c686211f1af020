"""``host``: the machine that runs the VMs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from optimux.declare import Bool, Choice, Declared, Int, ListOf, MapOf, Table, Text, option
from optimux.declare.values import (
    BOOT_LOADER,
    CPU_VENDOR,
    DISTRIBUTION,
    INITRAMFS,
    PATH,
    SECURITY_MODULE,
    SIZE,
    VERSION,
    WORD,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optimux.declare.values import BootLoader, CpuVendor, Distribution, Initramfs, SecurityModule
    from optimux.sizes import Size
    from optimux.version import Version


class Hugepages(Declared):
    size: Size = option("size", SIZE, doc="Size of one page, as the CPU offers it.", example="1GiB")
    count: int = option("count", Int(1, 1 << 24), doc="How many are reserved at boot.", unit="pages", example=16)


Forward = Literal["nat", "route", "open", "isolated"]


class LibvirtNetwork(Declared):
    bridge: str | None = option(
        "bridge",
        Text(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}", "the name of a network interface, at most 15 characters", 15),
        default=None,
        doc="The host's bridge. Null lets libvirt choose virbrN.",
        example="virbr1",
    )
    forward: Forward = option(
        "forward",
        Choice(Forward),
        default="nat",
        doc="How guests reach further: translated, routed, routed without libvirt's firewall, or not at all.",
        example="isolated",
    )
    address: str = option(
        "address",
        Text(r"([0-9]{1,3}\.){3}[0-9]{1,3}/[0-9]{1,2}", 'an IPv4 address and a prefix such as "192.168.150.1/24"', 18),
        doc="The host's own address on the bridge, and the prefix of the network.",
        example="192.168.150.1/24",
    )
    dhcp: bool = option(
        "dhcp", Bool(), default=True, doc="Whether libvirt's dnsmasq gives the other addresses to guests."
    )


class StoragePool(Declared):
    path: str = option("path", PATH, doc="The folder; made where it is not there.", example="/var/lib/libvirt/images")


class Host(Declared):
    distribution: Distribution | None = option(
        "distribution",
        DISTRIBUTION,
        default=None,
        doc="Whose files are written: the family, or any distribution of it (ubuntu, cachyos, bazzite …). Null takes "
        "it from the facts; without facts it must be given.",
        example="arch",
    )
    initramfs: Initramfs | None = option(
        "initramfs",
        INITRAMFS,
        default=None,
        doc="What builds the initramfs. Null is what the facts show to be in use, else the distribution's own: "
        "mkinitcpio on Arch, initramfs-tools on Debian, dracut on Fedora and openSUSE. Meaningless on NixOS, and where "
        "the initramfs is part of an image.",
        example="dracut",
    )
    boot_loader: BootLoader | None = option(
        "bootLoader",
        BOOT_LOADER,
        default=None,
        doc="What holds the kernel command line; uki is a unified kernel image, manual has parameters only printed. "
        "Null is what the facts show to be in use, else grub on Arch, Debian and openSUSE, grubby on Fedora, "
        "rpm-ostree on its atomic kin. Meaningless on NixOS.",
        example="systemd-boot",
    )
    cpu_vendor: CpuVendor | None = option(
        "cpuVendor",
        CPU_VENDOR,
        default=None,
        doc="The host's CPU vendor: decides intel_iommu=on, evmcs and topoext. Null takes it from the facts.",
        example="intel",
    )
    libvirt_version: Version | None = option(
        "libvirtVersion",
        VERSION,
        default=None,
        doc="The libvirt that will read the domain. Null takes it from the facts, else the distribution's oldest.",
        example="11.3",
    )
    qemu_version: Version | None = option(
        "qemuVersion",
        VERSION,
        default=None,
        doc="The QEMU that will run the domain. Null takes it from the facts, else the distribution's oldest.",
        example="10.0",
    )
    kernel_version: Version | None = option(
        "kernelVersion",
        VERSION,
        default=None,
        doc="The host's kernel: before 6.2 the module vfio_virqfd exists. Null takes it from the facts, else the "
        "distribution's oldest.",
        example="6.12",
    )
    security_module: SecurityModule | None = option(
        "securityModule",
        SECURITY_MODULE,
        default=None,
        doc="The security module that confines QEMU. Null takes it from the facts, else AppArmor on Debian, SELinux "
        "on Fedora and openSUSE, none on Arch and NixOS.",
        example="apparmor",
    )
    iommu_passthrough: bool = option(
        "iommuPassthrough",
        Bool(),
        default=True,
        doc="Adds iommu=pt: devices that stay with the host are not translated.",
    )
    hugepages: tuple[Hugepages, ...] = option(
        "hugepages",
        ListOf(Table(Hugepages)),
        default=(),
        doc="Huge pages reserved on the kernel command line, one entry a size.",
    )
    extra_kernel_params: tuple[str, ...] = option(
        "extraKernelParams",
        ListOf(Text(r"([^\"\s']|\"[^\"\s']*\")+", "a kernel parameter without white space", 512)),
        default=(),
        doc="Further kernel parameters, each one word. The escape hatch of the command line.",
        example=["pcie_acs_override=downstream"],
    )
    device_acl: tuple[str, ...] = option(
        "deviceAcl",
        ListOf(PATH),
        default=(),
        doc="Further devices that guests may open: they join libvirt's own list and kvmfr's in cgroup_device_acl.",
        example=["/dev/input/by-id/usb-Keyboard-event-kbd"],
    )
    networks: Mapping[str, LibvirtNetwork] = option(
        "networks",
        MapOf(Table(LibvirtNetwork), WORD),
        default={},
        doc="libvirt's networks to define for the VMs, by name. These, and those of libvirt that a VM is on, are "
        "started, now and at boot.",
        example={"lab": {"address": "192.168.150.1/24"}},
    )
    pools: Mapping[str, StoragePool] = option(
        "pools",
        MapOf(Table(StoragePool), WORD),
        default={},
        doc="Storage pools of libvirt to define, by name: folders of images. They are started, now and at boot.",
        example={"images": {"path": "/var/lib/libvirt/images"}},
    )
