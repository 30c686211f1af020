"""What the host is: stated in the options, else seen in the facts, else the distribution's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from optimux.declare.values import DISTRIBUTION
from optimux.facts import Facts
from optimux.findings import Findings
from optimux.options.host import Host
from optimux.record import Record
from optimux.rules import rules
from optimux.version import Version

if TYPE_CHECKING:
    from optimux.declare.values import CpuVendor, Distribution, SecurityModule
    from optimux.options.host import BootLoader, Initramfs

Tool = TypeVar("Tool", bound=str)


# What else a complaint about the host's software or CPU was judged by: each may be stated, or seen, or the
# distribution's own.
BY_DISTRIBUTION = ("host.distribution", "facts.distribution")
BY_LIBVIRT = ("host.libvirtVersion", "facts.libvirtVersion", *BY_DISTRIBUTION)
BY_QEMU = ("host.qemuVersion", "facts.qemuVersion", *BY_DISTRIBUTION)
BY_CPU_VENDOR = ("host.cpuVendor", "facts.cpu.vendor")
BY_SECURITY_MODULE = ("host.securityModule", "facts.securityModule", *BY_DISTRIBUTION)
BY_INITRAMFS = ("host.initramfs", *BY_DISTRIBUTION)


class Platform(Record):
    """The resolved identity of a host; ``initramfs`` and ``boot_loader`` are ``None`` on NixOS."""

    distribution: Distribution
    initramfs: Initramfs | None
    boot_loader: BootLoader | None
    cpu_vendor: CpuVendor
    libvirt: Version
    qemu: Version
    kernel: Version
    security_module: SecurityModule


def resolve_platform(host: Host, facts: Facts, findings: Findings) -> Platform:
    """The platform; a distribution or CPU vendor that nobody states is a problem."""
    distribution = host.distribution or facts.distribution
    if distribution is None:
        findings.error(
            "host.distribution", "nothing", DISTRIBUTION.allowed, "State it, or give --facts.", BY_DISTRIBUTION
        )
        findings.lose("host.distribution")
    elif facts.distribution not in (None, distribution):
        remedy = f"The files are for {distribution}; are these the facts of another machine?"
        findings.warn("host.distribution", distribution, f"{facts.distribution}, as the facts say", remedy)
    cpu_vendor = host.cpu_vendor or facts.cpu.vendor
    if cpu_vendor is None:
        findings.error("host.cpuVendor", "nothing", '"intel" or "amd"', "State it, or give --facts.", BY_CPU_VENDOR)
        findings.lose("host.cpuVendor")
    elif facts.cpu.vendor not in (None, cpu_vendor):
        found = f"{cpu_vendor}, where the facts show {facts.cpu.vendor}"
        remedy = "Leave it out, or give the facts of the machine that it is for."
        findings.error("host.cpuVendor", found, f'"{facts.cpu.vendor}"', remedy, BY_CPU_VENDOR)
        findings.lose("host.cpuVendor")
    own = rules()["distributions"][distribution or "debian"]
    return Platform(
        distribution=distribution or "debian",
        initramfs=_tool(host.initramfs, own, "initramfs"),
        boot_loader=_tool(host.boot_loader, own, "bootLoader"),
        cpu_vendor=cpu_vendor or "intel",
        libvirt=host.libvirt_version or facts.libvirt_version or Version.parse(own["libvirt"]),
        qemu=host.qemu_version or facts.qemu_version or Version.parse(own["qemu"]),
        kernel=host.kernel_version or facts.kernel_version or Version.parse(own["kernel"]),
        security_module=host.security_module or facts.security_module or own["securityModule"],
    )


def _tool(stated: Tool | None, own: dict[str, Any], key: str) -> Tool | None:
    """The stated tool, else the distribution's; NixOS has neither and ignores what is stated."""
    return (stated or own[key]) if key in own else None
