"""Variable stores as edk2's firmware keeps them, made variable by variable."""

from __future__ import annotations

import struct
from uuid import UUID

SECURITY = "d719b2cb-3d3a-4596-a3bc-dad00e67656f"
PCA_2011 = b"0\x82Microsoft Windows Production PCA 2011\x82"
CA_2023 = b"0\x82Windows UEFI CA 2023\x82"
SIZE = 0xE000


def variable(name: str, data: bytes, *, state: int = 0x3F, vendor: str = SECURITY) -> bytes:
    """One variable; 0x3f is a state that counts, 0x3d one that is deleted."""
    written = name.encode("utf-16-le") + b"\0\0"
    head = struct.pack("<HBBIQ16sIII", 0x55AA, state, 0, 7, 0, bytes(16), 0, len(written), len(data))
    whole = head + UUID(vendor).bytes_le + written + data
    return whole + b"\xff" * (-len(whole) % 4)


def store(*variables: bytes, state: int = 0xFE) -> bytes:
    """A store in its firmware volume."""
    vendor = UUID("fff12b8d-7696-4c8b-a985-2747075b4f50").bytes_le
    volume = bytes(16) + vendor + struct.pack("<Q4sIHHHBB", 0x84000, b"_FVH", 0xFEFF, 72, 0, 0, 0, 2) + bytes(16)
    head = UUID("aaf32c78-947b-439a-a180-2e144ec37792").bytes_le + struct.pack("<IBBHI", SIZE, 0x5A, state, 0, 0)
    return volume + (head + b"".join(variables)).ljust(SIZE, b"\xff")


def trusting(*certificates: bytes) -> bytes:
    """A store whose ``db`` has them."""
    return store(variable("SetupMode", b"\0"), variable("db", b"".join(certificates)))
