"""What the host is: stated in the options, else seen in the facts, else the distribution's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeVar

from optimux.declare.values import DISTRIBUTION
from optimux.facts import Facts
from optimux.findings import Findings
from optimux.options.host import Host
from optimux.record import Record
from optimux.rules import families
from optimux.version import Version

if TYPE_CHECKING:
    from optimux.declare.values import BootLoader, CpuVendor, Distribution, Initramfs, SecurityModule

Tool = TypeVar("Tool", bound=str)
INITRAMFS: tuple[Initramfs, ...] = ("mkinitcpio", "dracut", "initramfs-tools", "booster")
# Whoever writes the entries of another comes first: the next run of it would undo what is written there.
BOOT_LOADERS: tuple[BootLoader, ...] = (
    "rpm-ostree",
    "kernelstub",
    "limine",
    "sdbootutil",
    "sdboot-manage",
    "grubby",
    "uki",
    "systemd-boot",
    "refind",
    "grub",
)


# What else a complaint about the host's software or CPU was judged by: each may be stated, or seen, or the
# distribution's own.
BY_DISTRIBUTION = ("host.distribution", "facts.distribution")
BY_LIBVIRT = ("host.libvirtVersion", "facts.libvirtVersion", *BY_DISTRIBUTION)
BY_QEMU = ("host.qemuVersion", "facts.qemuVersion", *BY_DISTRIBUTION)
BY_CPU_VENDOR = ("host.cpuVendor", "facts.cpu.vendor")
BY_SECURITY_MODULE = ("host.securityModule", "facts.securityModule", *BY_DISTRIBUTION)
BY_INITRAMFS = ("host.initramfs", "facts.boot.initramfs", *BY_DISTRIBUTION)


# Of a unified image: of /etc/kernel/cmdline; of that and a drop-in of ours; of drop-ins alone.
CommandLine = Literal["file", "drop-in", "drop-ins"]


class Platform(Record):
    """The resolved identity of a host; ``initramfs`` and ``boot_loader`` are ``None`` on NixOS.

    ``command_line`` is what a unified image's is made of.
    """

    distribution: Distribution
    initramfs: Initramfs | None
    boot_loader: BootLoader | None
    cpu_vendor: CpuVendor
    libvirt: Version
    qemu: Version
    kernel: Version
    security_module: SecurityModule
    command_line: CommandLine = "file"


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
        remedy = "Leave host.cpuVendor out, or give the facts of the machine that it is for."
        findings.error("host.cpuVendor", found, f'"{facts.cpu.vendor}"', remedy, BY_CPU_VENDOR)
        findings.lose("host.cpuVendor")
    own = families()["distributions"][distribution or "debian"]
    initramfs = _initramfs(host, facts, own, findings)
    return Platform(
        distribution=distribution or "debian",
        initramfs=initramfs,
        boot_loader=_boot_loader(host, facts, own),
        cpu_vendor=cpu_vendor or "intel",
        libvirt=host.libvirt_version or facts.libvirt_version or Version.parse(own["libvirt"]),
        qemu=host.qemu_version or facts.qemu_version or Version.parse(own["qemu"]),
        kernel=host.kernel_version or facts.kernel_version or Version.parse(own["kernel"]),
        security_module=host.security_module or facts.security_module or own["securityModule"],
        command_line=_command_line(facts, initramfs),
    )


def _command_line(facts: Facts, initramfs: Initramfs | None) -> CommandLine:
    """Without /etc/kernel/cmdline a user's drop-ins are the whole line; without either it is the running kernel's."""
    drop_ins = facts.boot.cmdline_drop_ins
    if initramfs != "mkinitcpio" or drop_ins is None:
        return "file"
    return "drop-ins" if drop_ins and "/etc/kernel/cmdline" not in facts.boot.kernel_param_files else "drop-in"


def _initramfs(host: Host, facts: Facts, own: dict[str, Any], findings: Findings) -> Initramfs | None:
    """The stated tool, else the one that shows itself, else the distribution's; some have none, whatever is stated.

    Files for another tool than the one in use do nothing, in silence: where several show themselves, nobody guesses.
    """
    if "initramfs" not in own:
        return None
    seen = facts.boot.initramfs
    if host.initramfs is None and len(seen) > 1:
        found = ", ".join(f"{tool.name} ({tool.evidence})" for tool in seen)
        remedy = "State the one whose images are booted, or remove the other."
        findings.error("host.initramfs", found, "one tool", remedy, BY_INITRAMFS)
    default: Initramfs = own["initramfs"]
    return host.initramfs or _known(INITRAMFS, [tool.name for tool in seen]) or default


def _boot_loader(host: Host, facts: Facts, own: dict[str, Any]) -> BootLoader | None:
    """The stated one, else what shows itself, tools that write another's entries before it; else the distribution's."""
    if "bootLoader" not in own:
        return None
    seen = [loader.name for loader in facts.boot.loaders]
    default: BootLoader = own["bootLoader"]
    return host.boot_loader or _known(BOOT_LOADERS, seen) or default


def _known(words: tuple[Tool, ...], seen: list[Tool]) -> Tool | None:
    return next((word for word in words if word in seen), None)
