"""UUIDs that follow from a name, so that the same input gives the same output."""

from __future__ import annotations


def uuid_of(kind: str, name: str) -> str:
    """A version 5 UUID (RFC 9562 §5.5) of a name; ``kind`` ("domain", "network", "pool") keeps equal names apart."""
    import hashlib

    digest = bytearray(hashlib.sha1(f"optimux {kind} {name}".encode(), usedforsecurity=False).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    text = digest.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
