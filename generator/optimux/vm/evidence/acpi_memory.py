"""The ACPI tables in a guest's memory, found as an operating system finds them (ACPI 6.5 §5.2.5 to §5.2.11).

BIOS: the root pointer lies on a 16-byte boundary of 0xE0000-0xFFFFF. UEFI: the system table (UEFI 2.10 §4.3) points
to the configuration tables, one of them holds its address.
"""

from __future__ import annotations

import re
import zlib
from struct import Struct, error, unpack_from
from typing import TYPE_CHECKING
from uuid import UUID

from optimux.acpi.table import HEADER_SIZE, parse_table
from optimux.errors import InvalidInput
from optimux.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optimux.vm.qemu.snapshot import Snapshot

_BIOS_AREA = (0xE0000, 0x20000)
# OVMF allocates from the top of memory below 4 GiB; the tables lie a few MiB below it.
_UEFI_AREA_SIZE = 16 << 20
_SYSTEM_TABLE = Struct("<8sIIII")
_SYSTEM_TABLE_SIZE = 120
_ACPI_20 = UUID("8868e871-e4f1-11d3-bc22-0080c73c8881").bytes_le
_ENTRY_SIZE = 24
_MOST_ENTRIES = 256
_LARGEST_TABLE = 16 << 20
# FACS has no checksum, and its header is its own (ACPI 6.5 §5.2.10).
_FADT_DSDT, _FADT_X_DSDT = 40, 140


class FoundTable(Record):
    """A table as it lies in memory, with what is wrong with it (empty when nothing is)."""

    address: int
    signature: str
    data: bytes
    fault: str


class Tables(Record):
    """The chain: ``faults`` are those of the root pointer and of every table."""

    rsdp: int
    found: tuple[FoundTable, ...]
    faults: tuple[str, ...]

    def named(self, signature: str) -> tuple[FoundTable, ...]:
        """The tables of one signature."""
        return tuple(table for table in self.found if table.signature == signature)


def find_tables(memory: Snapshot, memory_size: int, uefi: bool) -> Tables | None:
    """The chain from the root pointer, or ``None`` while the firmware has not written one."""
    address = _rsdp_of_uefi(memory, memory_size) if uefi else _rsdp_of_bios(memory)
    if address is None:
        return None
    rsdp = memory.read(address, 36)
    revision, rsdt = rsdp[15], unpack_from("<I", rsdp, 16)[0]
    xsdt = unpack_from("<Q", rsdp, 24)[0] if revision >= 2 else 0
    faults = () if _rsdp_is_valid(rsdp) else (f"the root pointer at {address:#x} has a wrong checksum",)
    found = tuple(_walk(memory, xsdt or rsdt, 8 if xsdt else 4))
    return Tables(address, found, (*faults, *(table.fault for table in found if table.fault)))


def _rsdp_of_bios(memory: Snapshot) -> int | None:
    start, size = _BIOS_AREA
    area = memory.load(start, size)
    places = (match.start() for match in re.finditer(b"RSD PTR ", area))
    found = (offset for offset in places if offset % 16 == 0 and _rsdp_is_valid(area[offset : offset + 36]))
    return next((start + offset for offset in found), None)


def _rsdp_is_valid(rsdp: bytes) -> bool:
    return sum(rsdp[:20]) & 0xFF == 0 and (rsdp[15] < 2 or sum(rsdp[:36]) & 0xFF == 0)


def _rsdp_of_uefi(memory: Snapshot, memory_size: int) -> int | None:
    start = max(0, memory_size - _UEFI_AREA_SIZE)
    area = memory.load(start, memory_size - start)
    for offset in _system_tables(area):
        count, entries = unpack_from("<QQ", area, offset + 104)
        if not 0 < count <= _MOST_ENTRIES or not 0 < entries < memory_size:
            continue
        data = memory.read(entries, count * _ENTRY_SIZE)
        for place in range(0, len(data), _ENTRY_SIZE):
            if data.startswith(_ACPI_20, place):
                return int(unpack_from("<Q", data, place + 16)[0])
    return None


def _system_tables(area: bytes) -> Iterator[int]:
    """Offsets of EFI system tables whose CRC32 is right."""
    offset = area.find(b"IBI SYST")
    while offset >= 0:
        table = bytearray(area[offset : offset + _SYSTEM_TABLE_SIZE])
        if len(table) == _SYSTEM_TABLE_SIZE:
            _, _, size, crc, _ = _SYSTEM_TABLE.unpack_from(table)
            table[16:20] = bytes(4)
            if size == _SYSTEM_TABLE_SIZE and zlib.crc32(table) == crc:
                yield offset
        offset = area.find(b"IBI SYST", offset + 8)


def _walk(memory: Snapshot, root: int, width: int) -> Iterator[FoundTable]:
    """The root table, every table that it names, and the DSDT, which the FADT names."""
    table = _table(memory, root)
    yield table
    for offset in range(HEADER_SIZE, len(table.data) - width + 1, width):
        child = _table(memory, int.from_bytes(table.data[offset : offset + width], "little"))
        yield child
        if child.signature == "FACP" and (dsdt := _dsdt(child.data)):
            yield _table(memory, dsdt)


def _dsdt(fadt: bytes) -> int:
    try:
        long = unpack_from("<Q", fadt, _FADT_X_DSDT)[0] if len(fadt) >= _FADT_X_DSDT + 8 else 0
        return int(long or unpack_from("<I", fadt, _FADT_DSDT)[0])
    except error:
        return 0


def _table(memory: Snapshot, address: int) -> FoundTable:
    head = memory.read(address, HEADER_SIZE)
    signature = head[:4].decode("latin-1")
    length = int.from_bytes(head[4:8], "little")
    if not HEADER_SIZE <= length <= _LARGEST_TABLE:
        return FoundTable(address, signature, head, f"{signature!r} at {address:#x} has the impossible length {length}")
    data = memory.read(address, length)
    return FoundTable(address, signature, data, _fault(data, address))


def _fault(data: bytes, address: int) -> str:
    try:
        parsed = parse_table(data, f"the table at {address:#x}")
    except InvalidInput as problem:
        return str(problem)
    if parsed.checksum_valid:
        return ""
    wrong, right = parsed.checksum, parsed.expected_checksum
    return f"{parsed.header.signature} at {address:#x} has the checksum {wrong:#04x}, not {right:#04x}"
