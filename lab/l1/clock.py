"""The rate of this machine's time stamp counter, which an emulated machine's own counter shares.

A kernel measures it against an emulated timer. Where others compute as well QEMU is not always at work meanwhile, and
the kernel takes too low a rate: its clock ran up to seven times too fast, and two minutes were over after twenty
seconds. So it is told.
"""

from __future__ import annotations

import ctypes
import mmap
import platform
import time
from functools import cache

# rdtsc; shl rdx, 32; or rax, rdx; ret
_READ = bytes.fromhex("0f31 48c1e220 4809d0 c3")
_APART_SECONDS = 0.05
_ATTEMPTS = 20


@cache
def kilohertz() -> int:
    """To a hundred-thousandth; 0 on another processor than x86-64, and where no code of one's own may run."""
    if platform.machine() != "x86_64":
        return 0
    try:
        return _measured()
    except PermissionError:
        return 0


def _measured() -> int:
    with mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC) as page:
        page.write(_READ)
        place = ctypes.c_char.from_buffer(page)
        read = ctypes.CFUNCTYPE(ctypes.c_uint64)(ctypes.addressof(place))
        begin = _both(read)
        time.sleep(_APART_SECONDS)
        end = _both(read)
        del place
    return round((end[1] - begin[1]) * 1_000_000 / (end[0] - begin[0]))


def _both(read: ctypes._CFunctionType) -> tuple[int, int]:
    """The clock in nanoseconds and the counter at one moment: of some pairs the one that was read most closely."""

    def pair() -> tuple[int, int, int]:
        before, ticks, after = time.monotonic_ns(), read(), time.monotonic_ns()
        return after - before, (before + after) // 2, ticks

    _, clock, ticks = min(pair() for _ in range(_ATTEMPTS))
    return clock, ticks
