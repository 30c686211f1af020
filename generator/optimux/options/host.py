"""``host``: the machine that runs the VMs."""

from __future__ import annotations

from optimux.declare import Bool, Choice, Declared, Int, ListOf, Table, Text, option
from optimux.declare.values import SIZE, VERSION

DISTRIBUTIONS = ("nixos", "arch", "debian", "fedora")


class Hugepages(Declared):
    size = option("size", SIZE, doc="Size of one page, as the CPU offers it.", example="1GiB")
    count = option("count", Int(1, 1 << 24), doc="How many are reserved at boot.", unit="pages", example=16)


class Host(Declared):
    distribution = option(
        "distribution",
        Choice(*DISTRIBUTIONS),
        None,
        doc="Whose files are written. Null takes it from the facts; without facts it must be given.",
        example="arch",
    )
    initramfs = option(
        "initramfs",
        Choice("mkinitcpio", "dracut", "initramfs-tools", "booster"),
        None,
        doc="What builds the initramfs. Null is the distribution's own: mkinitcpio on Arch, initramfs-tools on "
        "Debian, dracut on Fedora. Meaningless on NixOS.",
        example="dracut",
    )
    boot_loader = option(
        "bootLoader",
        Choice("grub", "systemd-boot", "grubby"),
        None,
        doc="What holds the kernel command line. Null is grub on Arch and Debian, grubby on Fedora. "
        "Meaningless on NixOS.",
        example="systemd-boot",
    )
    cpu_vendor = option(
        "cpuVendor",
        Choice("intel", "amd"),
        None,
        doc="The host's CPU vendor: decides intel_iommu=on, evmcs and topoext. Null takes it from the facts.",
        example="intel",
    )
    libvirt_version = option(
        "libvirtVersion",
        VERSION,
        None,
        doc="The libvirt that will read the domain. Null takes it from the facts, else the distribution's oldest.",
        example="11.3",
    )
    qemu_version = option(
        "qemuVersion",
        VERSION,
        None,
        doc="The QEMU that will run the domain. Null takes it from the facts, else the distribution's oldest.",
        example="10.0",
    )
    kernel_version = option(
        "kernelVersion",
        VERSION,
        None,
        doc="The host's kernel: before 6.2 the module vfio_virqfd exists. Null takes it from the facts, else the "
        "distribution's oldest.",
        example="6.12",
    )
    security_module = option(
        "securityModule",
        Choice("apparmor", "selinux", "none"),
        None,
        doc="The security module that confines QEMU. Null takes it from the facts, else AppArmor on Debian, SELinux "
        "on Fedora, none on Arch and NixOS.",
        example="apparmor",
    )
    iommu_passthrough = option(
        "iommuPassthrough",
        Bool(),
        True,
        doc="Adds iommu=pt: devices that stay with the host are not translated.",
    )
    hugepages = option(
        "hugepages",
        ListOf(Table(Hugepages)),
        (),
        doc="Huge pages reserved on the kernel command line, one entry a size.",
    )
    extra_kernel_params = option(
        "extraKernelParams",
        ListOf(Text(r"([^\"\s']|\"[^\"\s']*\")+", "a kernel parameter without white space", 512)),
        (),
        doc="Further kernel parameters, each one word. The escape hatch of the command line.",
        example=["pcie_acs_override=downstream"],
    )
