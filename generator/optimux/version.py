"""Versions of libvirt, QEMU, the kernel and Looking Glass's schema, ordered by number."""

from __future__ import annotations

import re

from optimux.record import Record

_VERSION = re.compile(r"([0-9]{1,5})(?:\.([0-9]{1,5}))?(?:\.([0-9]{1,5}))?")


class Version(Record):
    """Major, minor, micro; missing parts are zero."""

    major: int
    minor: int = 0
    micro: int = 0

    @classmethod
    def parse(cls, text: str) -> Version:
        """Read ``"11.3"`` or ``"6.12.41"``. Raises ``ValueError`` with the reason."""
        match = _VERSION.fullmatch(text)
        if match is None:
            raise ValueError("not one to three numbers joined by dots")
        return cls(*(int(part or 0) for part in match.groups()))

    def __lt__(self, other: Version) -> bool:
        return self._values() < other._values()

    def __le__(self, other: Version) -> bool:
        return self._values() <= other._values()

    def __gt__(self, other: Version) -> bool:
        return self._values() > other._values()

    def __ge__(self, other: Version) -> bool:
        return self._values() >= other._values()

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}" + (f".{self.micro}" if self.micro else "")
