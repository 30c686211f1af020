"""Sizes in bytes, written with a unit."""

from __future__ import annotations

import re

from optimux.record import Record

UNITS = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
_SIZE = re.compile(r"([0-9]{1,12}) ?([KMGT]iB)")


class Size(Record):
    """A number of bytes, at least one KiB."""

    bytes: int

    @classmethod
    def parse(cls, text: str) -> Size:
        """Read ``"16GiB"`` or ``"128 MiB"``. Raises ``ValueError`` with the reason."""
        match = _SIZE.fullmatch(text)
        if match is None:
            raise ValueError("not a whole number with one of the units KiB, MiB, GiB, TiB")
        size = int(match[1]) * UNITS[match[2]]
        if not 0 < size < 1 << 63:
            raise ValueError("zero, or more than 63 bits")
        return cls(size)

    @classmethod
    def mib_of(cls, count: int) -> Size:
        """A size given in MiB."""
        return cls(count << 20)

    @property
    def kib(self) -> int:
        """Whole KiB."""
        return self.bytes >> 10

    @property
    def mib(self) -> int:
        """Whole MiB, rounded down."""
        return self.bytes >> 20

    @property
    def is_power_of_two(self) -> bool:
        """Whether a PCI BAR can have this size."""
        return self.bytes & (self.bytes - 1) == 0

    def __str__(self) -> str:
        unit = next(name for name, scale in reversed(UNITS.items()) if self.bytes % scale == 0)
        return f"{self.bytes // UNITS[unit]}{unit}"


def power_of_two_mib(mib: float) -> Size:
    """The smallest power of two, in MiB, that holds ``mib`` MiB."""
    size = 1
    while size < mib:
        size *= 2
    return Size.mib_of(size)
