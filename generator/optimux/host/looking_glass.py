"""Looking Glass on the host: of which release its client is, and whether the guest's side is at work."""

from __future__ import annotations

import mmap
import os

# LGMP's header (lgmp/src/headers.h) begins with this in every version. What follows differs, but for one thing: the
# guest's side writes a time there again and again, which its client waits for too (lgmpClientSessionInit).
_MAGIC = b"LGMP"
_HEADER = mmap.PAGESIZE
# The setting that leads to the shared memory, as each release calls it: a build's version is often "unknown".
OWN_WORDS = (("idd", "shmDevice"), ("b7", "shmFile"))
MOST = 32 << 20


def release_of(program: bytes) -> tuple[str, str] | None:
    """A client's release and the setting by which it is told; ``None`` where the program shows neither."""
    return next((words for words in OWN_WORDS if f"\0{words[1]}\0".encode() in program), None)


class Heartbeat:
    """The beginning of a VM's shared memory, looked at more than once: what an earlier run left does not change."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._last: bytes | None = None

    def beats(self) -> bool:
        """Whether Looking Glass' header is there and has changed since the last look. Raises ``OSError``."""
        header = self._read()
        before, self._last = self._last, header if header.startswith(_MAGIC) else None
        return before is not None and self._last is not None and before != self._last

    def _read(self) -> bytes:
        """kvmfr's device can only be mapped; a file may still be empty."""
        descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            with mmap.mmap(descriptor, _HEADER, mmap.MAP_SHARED, mmap.PROT_READ) as mapped:
                return mapped[:]
        except ValueError:
            return b""
        finally:
            os.close(descriptor)
