"""What an encoder says instead of truncating."""

from __future__ import annotations

from optimux.errors import OptimuxError


class AmlError(OptimuxError):
    """A value that AML or the table header cannot hold."""


def in_range(value: int, bits: int, what: str) -> int:
    """``value`` when it fits into ``bits`` unsigned bits. Raises ``AmlError``."""
    if not 0 <= value < 1 << bits:
        raise AmlError(f"{what} {value:#x} does not fit into {bits} unsigned bits")
    return value
