"""Whether tables and shared memory, as seen in a machine, are the planned ones: each fault in words, or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimux.acpi.table import CHECKSUM_OFFSET, HEADER_SIZE, parse_table
from optimux.sizes import Size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optimux.pci import Address
    from optimux.vm.evidence.ivshmem import SharedDevice

_SIGNATURE, _OEM_IDS = slice(0, 4), slice(10, 24)


def table_fault(expected: bytes, found: Sequence[bytes]) -> str:
    """What is wrong with the guest's tables (whole, header first) where none is byte for byte ``expected``."""
    if expected in found:
        return ""
    alike = [table for table in found if _identity(table) == _identity(expected)]
    if alike:
        return _difference(expected, alike[0])
    contents = expected[HEADER_SIZE:]
    renamed = [table for table in found if table[HEADER_SIZE:] == contents]
    if renamed:
        mine, theirs = _name(expected), _name(renamed[0])
        return f"the guest has it as {theirs}, not as {mine}: its header was replaced"
    names = ", ".join(_name(table) for table in found) or "none"
    return f"{_name(expected)} is not among the guest's tables: {names}"


def _identity(table: bytes) -> tuple[bytes, bytes]:
    return table[_SIGNATURE], table[_OEM_IDS]


def _difference(expected: bytes, found: bytes) -> str:
    if len(expected) != len(found):
        return f"{_name(expected)} has {len(found)} bytes in the guest, {len(expected)} were generated"
    places = [index for index, (mine, theirs) in enumerate(zip(expected, found, strict=True)) if mine != theirs]
    first = places[0]
    what = "the checksum" if places == [CHECKSUM_OFFSET] else f"{len(places)} of {len(expected)} bytes"
    return (
        f"{_name(expected)} differs in {what}: at offset {first:#x} the guest has {found[first]:#04x}, "
        f"generated was {expected[first]:#04x}"
    )


def _name(table: bytes) -> str:
    header = parse_table(table, "a table").header
    return f"{header.signature} {header.oem_id.strip()}/{header.oem_table_id.strip()}"


def size_fault(planned: Size, devices: Sequence[SharedDevice]) -> str:
    """Whether there is one ivshmem device whose BAR 2 has the planned size."""
    if not devices:
        return "the machine has no ivshmem device"
    if len(devices) > 1:
        return f"the machine has {len(devices)} ivshmem devices, at {', '.join(str(d.address) for d in devices)}"
    size = devices[0].size
    seen = Size(size) if size else "no size"
    return "" if size == planned.bytes else f"BAR 2 has {seen}, planned is {planned}"


def slot_fault(planned: Address | None, device: SharedDevice) -> str:
    """Whether the device is where the plan puts it."""
    if planned is None or device.address == planned:
        return ""
    return f"the device is at {device.address}, planned is {planned}"
