"""Names from pci.ids, read by libpci, the library of pciutils: it knows where each distribution keeps the list."""

from __future__ import annotations

from typing import Any

from optimux.pci import Id

# pci/pci.h: vendor and device together; no numbers where the list lacks them; no look at the local network or hwdb.
VENDOR, DEVICE, NO_NUMBERS = 1, 2, 0x20000
MOST = 256


class Names:
    """The list, opened at the first question. Without libpci nothing has a name."""

    def __init__(self) -> None:
        self._library: Any = None
        self._access: Any = None
        self._tried = False
        self._known: dict[tuple[int, Id], str | None] = {}

    def of(self, id_: Id) -> str | None:
        """Vendor and device in words; the vendor alone where the list lacks the device; ``None`` without both."""
        if not self._tried:
            self._open()
        if self._library is None:
            return None
        return self._look_up(VENDOR | DEVICE, id_) or self._look_up(VENDOR, id_)

    def _open(self) -> None:
        self._tried = True
        import ctypes

        try:
            library = ctypes.CDLL("libpci.so.3")
            library.pci_alloc.restype = ctypes.c_void_p
            library.pci_lookup_name.restype = ctypes.c_char_p
        except (OSError, AttributeError):
            return
        self._access = ctypes.c_void_p(library.pci_alloc())
        self._library = library

    def _look_up(self, what: int, id_: Id) -> str | None:
        if (what, id_) not in self._known:
            from ctypes import c_int, create_string_buffer

            numbers = (id_.vendor, id_.device) if what & DEVICE else (id_.vendor,)
            buffer = create_string_buffer(MOST)
            found = self._library.pci_lookup_name(
                self._access, buffer, MOST, c_int(what | NO_NUMBERS), *(c_int(value) for value in numbers)
            )
            self._known[(what, id_)] = found.decode("utf-8", "replace") if found else None
        return self._known[(what, id_)]
