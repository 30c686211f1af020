"""From one root of a file system to ``Facts``: one module a source, each able to miss what it looks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimux.facts.detect.root import Root, clean
from optimux.facts.host import Unseen
from optimux.facts.model import Facts

if TYPE_CHECKING:
    from optimux.facts.detect.live import Asked

__all__ = ["Root", "detect"]


def detect(root: Root) -> Facts:
    """Everything that the root shows. Nothing raises for what is missing; what could not be read is named."""
    # Verbs ask one question of a root first, and most stop at its answer.
    from optimux.facts.detect import (
        boot,
        cpu,
        drm,
        firmware,
        iommu,
        looking_glass,
        machine,
        modules,
        pci,
        peripherals,
        security,
        system,
        tools,
        users,
    )

    packages = system.Packages(root)
    qemu, libvirt = system.qemu_version(root, packages), system.libvirt_version(root, packages)
    asked = _ask(root, qemu=qemu is None, libvirt=libvirt is None)
    devices = modules.with_modules(root, drm.with_nodes(root, pci.functions(root)))
    os, people, enforced = system.os_release(root), users.users(root), security.security(root)
    family = system.family(os)
    facts = Facts(
        distribution=family,
        security_module=security.confines_qemu(root, enforced),
        kernel_version=machine.kernel_version(root),
        machine=machine.machine(root),
        cpu=cpu.cpu(root, iommu.address_bits(root)),
        memory=machine.memory(root),
        hugepages=machine.hugepages(root),
        iommu=iommu.iommu(root, devices),
        kernel_params=machine.kernel_params(root),
        devices=pci.named(root, devices),
        connectors=drm.connectors(root, devices),
        mux=drm.mux(root),
        inputs=peripherals.inputs(root),
        usb=peripherals.usb(root),
        disks=peripherals.disks(root),
        user=users.user(root, people),
        users=people,
        os=os,
        boot=boot.boot(root, packages),
        security=enforced,
        kvmfr=looking_glass.kvmfr(root, os, family),
        firmware=firmware.firmware(root),
        session=users.session(root),
        other_tools=tools.other_tools(root),
    )
    missed = ((clean(path) or "/", clean(reason) or "unknown") for path, reason in sorted(root.unseen.items()))
    return facts.replace(
        qemu_version=qemu or (asked["qemu"].version() if "qemu" in asked else None),
        libvirt_version=libvirt or (asked["libvirt"].version() if "libvirt" in asked else None),
        unseen=tuple(Unseen(path=path, reason=reason) for path, reason in missed),
    )


def _ask(root: Root, *, qemu: bool, libvirt: bool) -> dict[str, Asked]:
    """Programs of this machine, started before files are read; none for a record."""
    if not root.live or not (qemu or libvirt):
        return {}
    from optimux.facts.detect.live import Asked

    return {name: Asked(name) for name, wanted in (("qemu", qemu), ("libvirt", libvirt)) if wanted}
