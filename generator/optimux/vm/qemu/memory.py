"""Shared memory for a throwaway machine: in /dev/shm, but under no name, so that nothing is ever left over."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from optimux.files.scratch import nameless
from optimux.sizes import UNITS
from optimux.vm.errors import VmError

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = "/dev/shm"


class SharedFile:
    """An open file that QEMU maps as well."""

    def __init__(self, descriptor: int, size: int) -> None:
        self.descriptor, self.size = descriptor, size

    @property
    def path(self) -> str:
        """A path to it, valid in this program and in children that keep the descriptor open."""
        return f"/proc/self/fd/{self.descriptor}"

    def read(self, offset: int, size: int) -> bytes:
        """Bytes as the host sees them."""
        return os.pread(self.descriptor, size, offset)

    def write(self, offset: int, data: bytes) -> None:
        """Write bytes as the host does."""
        os.pwrite(self.descriptor, data, offset)


@contextmanager
def shared_file(size: int, folder: str = FOLDER) -> Iterator[SharedFile]:
    """A file of ``size`` bytes that vanishes with its last user. Raises ``VmError`` where there is no room."""
    try:
        descriptor = nameless(Path(folder))
    except OSError as error:
        raise VmError(f"no shared memory in {folder}: {error.strerror}", "Mount a tmpfs there.") from None
    try:
        # A file with holes costs nothing, but a guest that fills it would be killed when there is no room.
        _check_room(descriptor, size, folder)
        os.ftruncate(descriptor, size)
        yield SharedFile(descriptor, size)
    finally:
        os.close(descriptor)


def _check_room(descriptor: int, size: int, folder: str) -> None:
    room = os.fstatvfs(descriptor)
    free = room.f_bavail * room.f_frsize
    if free < size:
        mib = UNITS["MiB"]
        raise VmError(
            f"no space in {folder}: {free / mib:.0f} MiB are free, the shared memory takes {size / mib:.0f} MiB",
            f"Remove stale files there, or enlarge it: mount -o remount,size={2 * size // mib}M {folder}.",
        )
