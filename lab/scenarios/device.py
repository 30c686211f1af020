"""The shared memory's device as its user maps it: ``python3 -m scenarios.device PATH SIZE [OFFSET HEX]…``.

A kvmfr device is mapped, never read. Writes each HEX at its OFFSET; without any, prints on a line each what is on the
pages that the guest writes to.
"""

from __future__ import annotations

import mmap
import os
import pwd
import subprocess
import sys

PAGE = 4096
_SECONDS = 60


def written_by_host(size: int) -> tuple[int, int]:
    """The pages that the host writes and the guest reads."""
    return 0, size // PAGE - 1


def written_by_guest(size: int) -> tuple[int, int]:
    """The pages that the guest writes and the host reads."""
    return 1, size // PAGE - 2


def write_as(user: str, path: str, size: int, pages: dict[int, bytes]) -> None:
    """Write at the beginning of pages, as ``user``."""
    _run_as(user, path, size, *(word for page, data in pages.items() for word in (str(page * PAGE), data.hex())))


def read_as(user: str, path: str, size: int, length: int = 64) -> dict[int, bytes]:
    """The first bytes of the guest's pages, as ``user`` sees them."""
    lines = _run_as(user, path, size).split()
    return {page: bytes.fromhex(line)[:length] for page, line in zip(written_by_guest(size), lines, strict=True)}


def can_map(user: str, path: str, size: int) -> bool:
    """Whether ``user`` may map ``size`` bytes."""
    try:
        read_as(user, path, size)
    except RuntimeError:
        return False
    return True


def _run_as(user: str, path: str, size: int, *words: str) -> str:
    command = [sys.executable, "-m", "lab.scenarios.device", path, str(size), *words]
    group = pwd.getpwnam(user).pw_gid
    done = subprocess.run(
        command,
        user=user,
        group=group,
        extra_groups=os.getgrouplist(user, group),
        capture_output=True,
        text=True,
        timeout=_SECONDS,
    )
    if done.returncode:
        raise RuntimeError(f"{user} cannot use {path}: {done.stderr}")
    return done.stdout


def _main(path: str, size: int, *words: str) -> None:
    descriptor = os.open(path, os.O_RDWR)
    with mmap.mmap(descriptor, size) as memory:
        for offset, data in zip(words[::2], words[1::2], strict=True):
            memory[int(offset) : int(offset) + len(data) // 2] = bytes.fromhex(data)
        if not words:
            for page in written_by_guest(size):
                print(memory[page * PAGE : (page + 1) * PAGE].hex())


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
