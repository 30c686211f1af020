"""Whose signatures a guest's UEFI firmware takes: the variable ``db`` in the store that OVMF keeps.

Layout: edk2, MdeModulePkg/Include/Guid/VariableFormat.h; a signature list: UEFI specification 2.10, §32.4.1. A store
keeps what was deleted until it is full, and ``dbx`` names authorities that are refused, so names are looked for in the
``db`` that counts and nowhere else.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_STORE = 4 << 20
# Subjects of Microsoft's authorities for Windows' boot manager and for others' programs.
KEYS = {
    2011: (b"Microsoft Windows Production PCA 2011", b"Microsoft Corporation UEFI CA 2011"),
    2023: (b"Windows UEFI CA 2023", b"Microsoft UEFI CA 2023"),
}
AUTHENTICATED = UUID("aaf32c78-947b-439a-a180-2e144ec37792").bytes_le  # gEfiAuthenticatedVariableGuid
SECURITY = UUID("d719b2cb-3d3a-4596-a3bc-dad00e67656f").bytes_le  # gEfiImageSecurityDatabaseGuid
STORE = struct.Struct("<16sIBBHI")  # VARIABLE_STORE_HEADER: signature, size, format, state, reserved
# AUTHENTICATED_VARIABLE_HEADER: start, state, reserved, attributes, count, time, key's index, sizes, vendor.
VARIABLE = struct.Struct("<HBBIQ16sIII16s")
FORMATTED, HEALTHY, START, ADDED = 0x5A, 0xFE, 0x55AA, 0x3F


def years(content: bytes) -> tuple[int, ...] | None:
    """The years of Microsoft's keys that a store trusts; none for one without ``db``, ``None`` for what is no store."""
    variables = _variables(content)
    if variables is None:
        return None
    trusted = b"".join(data for name, vendor, data in variables if (name, vendor) == ("db", SECURITY))
    return tuple(year for year, names in KEYS.items() if any(name in trusted for name in names))


def _variables(content: bytes) -> Iterator[tuple[str, bytes, bytes]] | None:
    """Name, vendor and value of each variable that counts."""
    at = content.find(AUTHENTICATED)
    if at < 0 or len(content) < at + STORE.size:
        return None
    _, size, kind, state, _, _ = STORE.unpack_from(content, at)
    if (kind, state) != (FORMATTED, HEALTHY):
        return None
    return _walk(content[at + STORE.size : at + size])


def _walk(store: bytes) -> Iterator[tuple[str, bytes, bytes]]:
    position = 0
    while position + VARIABLE.size <= len(store):
        start, state, _, _, _, _, _, of_name, of_data, vendor = VARIABLE.unpack_from(store, position)
        if start != START:
            return
        name = position + VARIABLE.size
        data = name + of_name
        position = data + of_data
        if state == ADDED and position <= len(store):
            yield store[name:data].decode("utf-16-le", "replace").rstrip("\0"), vendor, store[data:position]
        position += -position % 4
