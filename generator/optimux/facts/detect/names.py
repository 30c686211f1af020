"""Names from hwdata's list pci.ids, wherever this machine keeps it.

Only the lines of the vendors that are asked for are looked at: python-hwdata parses all 38,000 first, which takes
longer than the rest of detection, and libpci called without its own start-up (which may end the process) crashes.
"""

from __future__ import annotations

import re

from optimux.facts.detect.root import Root
from optimux.pci import Id

PLACES = ("/usr/share/hwdata/pci.ids", "/usr/share/misc/pci.ids", "/run/current-system/sw/share/hwdata/pci.ids")
MOST = 16 << 20


# The next vendor's line, or that of a class; as a search for the plain start of a line it is a fifth of the work.
_NEXT = re.compile(rb"\n[^\t\n#]")


class Names:
    """The list, read at the first question. Without one nothing has a name."""

    def __init__(self, root: Root) -> None:
        self._root = root
        self._list: bytes | None = None
        self._vendors: dict[int, tuple[str, bytes] | None] = {}

    def of(self, id_: Id) -> str | None:
        """Vendor and device in words; the vendor alone where the list lacks the device; ``None`` without both."""
        if id_.vendor not in self._vendors:
            self._vendors[id_.vendor] = self._vendor(id_.vendor)
        found = self._vendors[id_.vendor]
        if found is None:
            return None
        name, devices = found
        start = devices.find(b"\n\t%04x  " % id_.device)
        if start < 0:
            return name
        end = devices.find(b"\n", start + 8)
        return f"{name} {_text(devices[start + 8 : end])}"

    def _vendor(self, number: int) -> tuple[str, bytes] | None:
        """The vendor's name and the lines of its devices, up to the next vendor."""
        if self._list is None:
            self._list = b"\n" + self._read()
        start = self._list.find(b"\n%04x  " % number)
        if start < 0:
            return None
        line_end = self._list.find(b"\n", start + 1)
        following = _NEXT.search(self._list, line_end)
        end = following.start() + 1 if following else len(self._list)
        return _text(self._list[start + 7 : line_end]), self._list[line_end:end] + b"\n"

    def _read(self) -> bytes:
        return next((data for path in PLACES if (data := self._root.data(path, MOST))), b"") + b"\n"


def _text(words: bytes) -> str:
    return words.decode("utf-8", "replace")
