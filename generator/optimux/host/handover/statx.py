"""statx(2): the device behind a path, without asking whoever serves the file system that it lies on.

stat(2) of a descriptor on FUSE, NFS or CIFS waits for a server, which may be gone. What the kernel has cached will do
here: a file does not become another device.
"""

from __future__ import annotations

import ctypes
import os
import stat
from typing import TYPE_CHECKING

from optimux.host.handover.nodes import BLOCK, CHARACTER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from optimux.host.handover.nodes import Number

# linux/fcntl.h, linux/stat.h
_AT_FDCWD, _AT_STATX_DONT_SYNC, _STATX_TYPE = -100, 0x4000, 1


class _Statx(ctypes.Structure):
    """``struct statx`` of linux/stat.h as far as it matters."""

    _fields_ = (
        ("before", ctypes.c_ubyte * 28),
        ("mode", ctypes.c_uint16),
        ("between", ctypes.c_ubyte * 98),
        ("rdev_major", ctypes.c_uint32),
        ("rdev_minor", ctypes.c_uint32),
        ("after", ctypes.c_ubyte * 120),
    )


class Statx:
    """The call, with one buffer for thousands of questions."""

    def __init__(self) -> None:
        self._call = ctypes.CDLL(None).statx
        self._said = _Statx()
        self._to = ctypes.byref(self._said)

    def device(self, path: str) -> Number | None:
        """The device that a node stands for; ``None`` for anything else, and where nothing is there any more."""
        failed = self._call(_AT_FDCWD, os.fsencode(path), _AT_STATX_DONT_SYNC, _STATX_TYPE, self._to)
        return None if failed or not self._said.rdev_major else self._number()

    def special(self, folder: int, names: Iterable[str]) -> Iterator[tuple[str, Number | None]]:
        """Of the names in a folder the device nodes, and what has no type: the kernel's own, such as a buffer."""
        call, said, to = self._call, self._said, self._to
        for name in names:
            if call(folder, name.encode(), _AT_STATX_DONT_SYNC, _STATX_TYPE, to):
                continue
            if said.rdev_major:
                yield name, self._number()
            elif not stat.S_IFMT(said.mode):
                yield name, None

    def _number(self) -> Number:
        kind = BLOCK if stat.S_ISBLK(self._said.mode) else CHARACTER
        return kind, self._said.rdev_major, self._said.rdev_minor
