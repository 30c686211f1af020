"""Whether there is an IOMMU, whether it is on, and how wide its addresses are."""

from __future__ import annotations

from optimux.declare import Choice
from optimux.facts.detect.root import Root
from optimux.facts.devices import PciDevice
from optimux.facts.host import IommuFacts, IommuTable

TABLES = "/sys/firmware/acpi/tables"
GROUPS = "/sys/kernel/iommu_groups"


def iommu(root: Root, devices: tuple[PciDevice, ...]) -> IommuFacts:
    """The IOMMU's state: groups that VFIO made without one do not count."""
    seen = root.kind(TABLES) == "folder"
    table = next((name for name in Choice(IommuTable).words if root.exists(f"{TABLES}/{name}")), None)
    groups = {device.iommu_group for device in devices} - {None}
    count = max(len(groups), len(root.names(GROUPS)))
    if count and not _without_iommu(root):
        return IommuFacts(state="on", table=table, groups=count)
    if table:
        return IommuFacts(state="off-in-kernel", table=table)
    return IommuFacts(state="off-or-absent" if seen else None)


def _without_iommu(root: Root) -> bool:
    unsafe = root.text("/sys/module/vfio/parameters/enable_unsafe_noiommu_mode") == "Y"
    return unsafe and not root.names("/sys/class/iommu")


def address_bits(root: Root) -> int | None:
    """The width of the addresses that the IOMMU translates; the narrowest of all that say."""
    widths = [*_dmar_width(root), *_vtd_widths(root), *_ivrs_width(root)]
    return min((width for width in widths if 32 <= width <= 64), default=None)


def _dmar_width(root: Root) -> list[int]:
    """The byte after the header, that the kernel prints as "Host address width" (VT-d specification §8.1)."""
    table = root.data(f"{TABLES}/DMAR") if root.exists(f"{TABLES}/DMAR") else None
    return [table[36] + 1] if table and len(table) > 36 and table.startswith(b"DMAR") else []


def _vtd_widths(root: Root) -> list[int]:
    """Each unit's capability register, which everybody may read: MGAW, bits 21:16 (VT-d specification §11.4.2)."""
    folder = "/sys/class/iommu"
    units = [name for name in root.names(folder) if name.startswith("dmar")]
    registers = (root.number(f"{folder}/{name}/intel-iommu/cap", 16) for name in units)
    return [(register >> 16 & 0x3F) + 1 for register in registers if register is not None]


def _ivrs_width(root: Root) -> list[int]:
    """IVinfo's virtual address size, bits 21:15 (AMD I/O virtualization specification, 48882, §5.2.1)."""
    table = root.data(f"{TABLES}/IVRS") if root.exists(f"{TABLES}/IVRS") else None
    if not table or len(table) < 40 or not table.startswith(b"IVRS"):
        return []
    return [int.from_bytes(table[36:40], "little") >> 15 & 0x7F]
