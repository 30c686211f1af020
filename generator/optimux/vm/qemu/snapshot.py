"""A guest's physical memory, read in blocks and each block once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_BLOCK = 1 << 16


class Snapshot:
    """Reads through ``source(address, size)``, which is asked for whole blocks only."""

    def __init__(self, source: Callable[[int, int], bytes]) -> None:
        self._source = source
        self._blocks: dict[int, bytes] = {}

    def read(self, address: int, size: int) -> bytes:
        """``size`` bytes at ``address``."""
        first, last = address // _BLOCK, (address + size - 1) // _BLOCK
        data = b"".join(self._block(number) for number in range(first, last + 1))
        return data[address - first * _BLOCK :][:size]

    def load(self, address: int, size: int) -> bytes:
        """A large range, in one request."""
        data = self._source(address, size)
        for offset in range(0, size - size % _BLOCK, _BLOCK):
            self._blocks[(address + offset) // _BLOCK] = data[offset : offset + _BLOCK]
        return data

    def _block(self, number: int) -> bytes:
        if number not in self._blocks:
            self._blocks[number] = self._source(number * _BLOCK, _BLOCK)
        return self._blocks[number]
