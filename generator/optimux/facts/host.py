"""The host itself: processor, memory, IOMMU, firmware, and what runs on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from optimux.declare import Bool, Choice, Declared, Int, ListOf, Table, Text, option
from optimux.declare.values import CPU_VENDOR, SIZE, TEXT, USER
from optimux.facts.devices import Core

if TYPE_CHECKING:
    from optimux.declare.values import CpuVendor
    from optimux.sizes import Size


class CpuFacts(Declared):
    vendor: CpuVendor | None = option("vendor", CPU_VENDOR, default=None, doc="The CPU's vendor.")
    model: str | None = option("model", TEXT, default=None, doc="The CPU's name.")
    threads: int | None = option("threads", Int(1, 1 << 14), default=None, doc="Logical CPUs, numbered from 0.")
    physical_bits: int | None = option("physicalBits", Int(32, 64), default=None, doc="Width of physical addresses.")
    iommu_bits: int | None = option("iommuBits", Int(32, 64), default=None, doc="Width of the IOMMU's addresses.")
    virtualisation: bool | None = option("virtualisation", Bool(), default=None, doc="Whether it offers VT-x or AMD-V.")
    gib_pages: bool | None = option("gibPages", Bool(), default=None, doc="Whether it has pages of 1 GiB.")
    cores: tuple[Core, ...] = option(
        "cores", ListOf(Table(Core)), default=(), doc="Its cores, in the order of their first CPU."
    )


class HugepageFacts(Declared):
    size: Size = option("size", SIZE, doc="Size of one page.")
    count: int = option("count", Int(), default=0, doc="How many there are.", unit="pages")
    free: int = option("free", Int(), default=0, doc="How many nobody uses.", unit="pages")


IommuState = Literal["on", "off-in-kernel", "off-or-absent"]
IommuTable = Literal["DMAR", "IVRS", "IORT"]


class IommuFacts(Declared):
    state: IommuState | None = option(
        "state",
        Choice(IommuState),
        default=None,
        doc="Whether devices are in groups. Without: firmware has a DMAR or IVRS table, or it has none. Null: unknown.",
    )
    table: IommuTable | None = option(
        "table", Choice(IommuTable), default=None, doc="The table by which firmware describes it."
    )
    groups: int = option("groups", Int(), default=0, doc="How many groups there are.")


MachineForm = Literal["laptop", "desktop", "server", "vm", "other"]
MachineInside = Literal["vm", "container", "wsl"]


class Machine(Declared):
    vendor: str | None = option("vendor", TEXT, default=None, doc="Who made it (DMI).")
    model: str | None = option("model", TEXT, default=None, doc="What it is called (DMI).")
    form: MachineForm | None = option("form", Choice(MachineForm), default=None, doc="What it is.")
    architecture: str | None = option(
        "architecture", Text("[a-z0-9_]{1,32}", "a name such as x86_64"), default=None, doc="Of the kernel."
    )
    inside: MachineInside | None = option(
        "inside", Choice(MachineInside), default=None, doc="What it runs in; null is the bare machine."
    )


class UserFacts(Declared):
    name: str = option("name", USER, doc="The name.")
    groups: tuple[str, ...] = option("groups", ListOf(TEXT), default=(), doc="The groups that it is in.")


class Unseen(Declared):
    path: str = option("path", TEXT, doc="What could not be read.")
    reason: str = option("reason", TEXT, doc="Why.")
