"""The kernel modules that a device's alias names: what must not take a card before vfio-pci does."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

from optimux.facts.detect.pci import DEVICES
from optimux.facts.detect.root import Root
from optimux.facts.devices import PciDevice

MOST = 32 << 20


def with_modules(root: Root, devices: tuple[PciDevice, ...]) -> tuple[PciDevice, ...]:
    """Display devices, and what shares their slot or IOMMU group, with every module that would take them."""
    displays = [device for device in devices if device.is_display]
    slots = {device.address.device for device in displays}
    groups = {device.iommu_group for device in displays} - {None}
    wanted = [d for d in devices if not d.is_bridge and (d.address.device in slots or d.iommu_group in groups)]
    data = _aliases(root) if wanted else b""
    if not data:
        return devices
    generic = _lines(data, b"pci:v\\*")
    found = {}
    for device in wanted:
        alias = root.text(f"{DEVICES}/{device.address}/modalias") or ""
        own = _lines(data, b"pci:v%08X" % device.id.vendor)
        names = [module for pattern, module in (*own, *generic) if fnmatchcase(alias, pattern)]
        found[device.address] = tuple(dict.fromkeys((*device.modules, *(name.replace("-", "_") for name in names))))
    return tuple(d.replace(modules=found[d.address][:16]) if d.address in found else d for d in devices)


def _aliases(root: Root) -> bytes:
    release = root.text("/proc/sys/kernel/osrelease")
    for base in ("/lib/modules", "/run/booted-system/kernel-modules/lib/modules"):
        path = f"{base}/{release}/modules.alias"
        if release and root.exists(path):
            return root.data(path, MOST) or b""
    return b""


def _lines(data: bytes, prefix: bytes) -> list[tuple[str, str]]:
    """Pattern and module of the lines whose pattern begins so."""
    pattern = rb"^alias (%s\S*) ([A-Za-z0-9_-]{1,64})$" % prefix
    return [(m[1].decode("ascii", "replace"), m[2].decode()) for m in re.finditer(pattern, data, re.MULTILINE)]
