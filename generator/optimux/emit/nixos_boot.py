"""NixOS, before the root file system: vfio-pci first, by ids or by address, and the kernel's parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimux.emit.artifact import HostFile
from optimux.emit.modprobe import modprobe_entries
from optimux.nix_text import Attributes, Binding, Expression, attributes, bind

if TYPE_CHECKING:
    from optimux.plan.model import Plan


def boot_bindings(plan: Plan) -> list[Binding]:
    """Everything under ``boot``: who gets the cards, the kernel's command line, kvmfr."""
    return [*_modules(plan), *_override(plan), *_kernel_params(plan), *_kvmfr(plan)]


def _modules(plan: Plan) -> list[Binding]:
    bindings = []
    if plan.host.early_modules:
        why = "In stage 1, before GPU drivers. NixOS sorts this list: it is the softdeps below that order."
        bindings.append(bind("boot.initrd.kernelModules", plan.host.early_modules, why))
    if text := _modprobe_conf(plan):
        why = 'Reaches both stages, unlike files under environment.etc."modprobe.d".'
        bindings.append(bind("boot.extraModprobeConfig", text, why))
    if plan.host.blacklist:
        why = "Never loaded by alias: the card belongs to the VM."
        bindings.append(bind("boot.blacklistedKernelModules", plan.host.blacklist, why))
    return bindings


def _modprobe_conf(plan: Plan) -> str:
    """The lines of modprobe.d, less the blacklist, for which NixOS has an option."""
    entries = modprobe_entries(plan.replace(host=plan.host.replace(blacklist=())))
    return "".join(entry.data.decode() for entry in entries if isinstance(entry, HostFile))


def _kvmfr(plan: Plan) -> list[Binding]:
    if not plan.kvmfr:
        return []
    why = (
        "The kernel module of Looking Glass, built for whichever kernel this system runs. Loaded at boot: where "
        "QEMU finds no device it makes a plain file in its place."
    )
    package = Expression("config.boot.kernelPackages.kvmfr")
    return [bind("boot.extraModulePackages", [package], why), bind("boot.kernelModules", ["kvmfr"])]


def _kernel_params(plan: Plan) -> list[Binding]:
    why = "The IOMMU, and what else must be known before the kernel starts."
    return [bind("boot.kernelParams", plan.host.kernel_params, why)] if plan.host.kernel_params else []


def _override(plan: Plan) -> list[Binding]:
    """Binding by address.

    A unit, not a udev rule: rules run per device and in parallel, and the driver that another card of the same kind
    loads takes every card that it finds unmarked. tmpfiles.d in stage 1 runs after the modules are loaded.
    """
    if not plan.host.override_addresses:
        return []
    why = (
        "Marks the card by its address, before anything loads a driver. A udev rule would come too late where "
        "another device with the same driver is seen first."
    )
    message = "Binding a GPU by its address needs boot.initrd.systemd.enable."
    assertion = attributes(assertion=Expression("config.boot.initrd.systemd.enable"), message=message)
    return [
        bind("boot.initrd.systemd.services.optimux-driver-override", _unit(plan), why),
        bind("assertions", [assertion]),
    ]


def _unit(plan: Plan) -> Attributes:
    before = [
        "sysinit.target",
        "systemd-modules-load.service",
        "systemd-udevd.service",
        "systemd-udev-trigger.service",
        "shutdown.target",
    ]
    return Attributes(
        (
            bind("description", "Reserve PCI devices for vfio-pci"),
            bind("wantedBy", ["sysinit.target"]),
            bind("before", before),
            bind("conflicts", ["shutdown.target"]),
            bind("unitConfig.DefaultDependencies", False),
            bind("serviceConfig", attributes(Type="oneshot", RemainAfterExit=True)),
            bind("script", _script(plan)),
        )
    )


def _script(plan: Plan) -> str:
    """A device that is not there must not keep the others from being marked."""
    addresses = " ".join(str(address) for address in plan.host.override_addresses)
    return (
        f"for address in {addresses}; do\n"
        "  override=/sys/bus/pci/devices/$address/driver_override\n"
        '  if [ -e "$override" ]; then\n'
        '    echo vfio-pci > "$override"\n'
        "  else\n"
        '    echo "no PCI device at $address" >&2\n'
        "  fi\n"
        "done\n"
    )
