"""Package lengths (ACPI 6.5 §20.2.4): the one place where they are computed.

One byte holds up to 63. Otherwise the lead byte's top two bits count the bytes that follow, its low nibble is the
least significant part. The length includes its own bytes.
"""

from __future__ import annotations

from optimux.acpi.error import AmlError

LIMITS = (63, (1 << 12) - 1, (1 << 20) - 1, (1 << 28) - 1)


def package_length(size: int) -> bytes:
    """The encoded length in front of ``size`` bytes. Raises ``AmlError`` above 2^28 - 5."""
    width = next((width for width, limit in enumerate(LIMITS, 1) if size + width <= limit), None)
    if width is None:
        raise AmlError(f"a package of {size} bytes; at most {LIMITS[-1] - 4} can be encoded")
    total = size + width
    if width == 1:
        return bytes((total,))
    return bytes(((width - 1) << 6 | total & 0xF,)) + (total >> 4).to_bytes(width - 1, "little")


def with_length(content: bytes) -> bytes:
    """``content`` behind its length."""
    return package_length(len(content)) + content
