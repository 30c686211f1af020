"""``host``: the machine that runs the VMs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from optimux.declare import Bool, Choice, Declared, Int, ListOf, Table, Text, option
from optimux.declare.values import CPU_VENDOR, DISTRIBUTION, SECURITY_MODULE, SIZE, VERSION

if TYPE_CHECKING:
    from optimux.declare.values import CpuVendor, Distribution, SecurityModule
    from optimux.sizes import Size
    from optimux.version import Version


class Hugepages(Declared):
    size: Size = option("size", SIZE, doc="Size of one page, as the CPU offers it.", example="1GiB")
    count: int = option("count", Int(1, 1 << 24), doc="How many are reserved at boot.", unit="pages", example=16)


Initramfs = Literal["mkinitcpio", "dracut", "initramfs-tools", "booster"]
BootLoader = Literal["grub", "systemd-boot", "grubby"]


class Host(Declared):
    distribution: Distribution | None = option(
        "distribution",
        DISTRIBUTION,
        default=None,
        doc="Whose files are written. Null takes it from the facts; without facts it must be given.",
        example="arch",
    )
    initramfs: Initramfs | None = option(
        "initramfs",
        Choice(Initramfs),
        default=None,
        doc="What builds the initramfs. Null is the distribution's own: mkinitcpio on Arch, initramfs-tools on "
        "Debian, dracut on Fedora. Meaningless on NixOS.",
        example="dracut",
    )
    boot_loader: BootLoader | None = option(
        "bootLoader",
        Choice(BootLoader),
        default=None,
        doc="What holds the kernel command line. Null is grub on Arch and Debian, grubby on Fedora. "
        "Meaningless on NixOS.",
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
        "on Fedora, none on Arch and NixOS.",
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
