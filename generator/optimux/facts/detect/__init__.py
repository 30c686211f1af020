"""From one root of a file system to ``Facts``: one module a source, each able to miss what it looks for."""

from __future__ import annotations

from optimux.facts.detect import cpu, drm, iommu, machine, pci
from optimux.facts.detect.root import Root, clean
from optimux.facts.host import Unseen
from optimux.facts.model import Facts

__all__ = ["Root", "detect"]


def detect(root: Root) -> Facts:
    """Everything that the root shows. Nothing raises for what is missing; what could not be read is named."""
    devices = drm.with_nodes(root, pci.functions(root))
    facts = Facts(
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
    )
    missed = ((clean(path) or "/", clean(reason) or "unknown") for path, reason in sorted(root.unseen.items()))
    return facts.replace(unseen=tuple(Unseen(path=path, reason=reason) for path, reason in missed))
