"""An empty registry hive, and hivexregedit (libwin-hivex-perl), which merges .reg files into one."""

from __future__ import annotations

import shutil
import struct
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

_NONE = 0xFFFFFFFF
_PAGE = 0x1000
_PREFIX = r"HKEY_LOCAL_MACHINE\SOFTWARE"


def empty_hive() -> bytes:
    """A header page and one page with a root key, its security cell and free space."""
    security = 0x20 + 0x58
    key = struct.pack(
        *("<2sHQIIIIIIIIIIIIIIIHH4s", b"nk", 0x2C, 0, 0, 0, 0, 0, _NONE, _NONE, 0, _NONE, security, _NONE),
        *(0, 0, 0, 0, 0, 4, 0, b"root"),
    )
    descriptor = struct.pack("<BBHIIII", 1, 0, 0x8000, 0, 0, 0, 0)
    guard = struct.pack("<2sHIIII", b"sk", 0, security, security, 1, len(descriptor)) + descriptor
    cells = _cell(key, 0x58) + _cell(guard, 0x30)
    free = _PAGE - 0x20 - len(cells)
    page = struct.pack("<4sIIQQI", b"hbin", 0, _PAGE, 0, 0, 0) + cells + struct.pack("<i", free)
    header = struct.pack("<4sIIQIIIIIII", b"regf", 1, 1, 0, 1, 3, 0, 1, 0x20, _PAGE, 1).ljust(0x1FC, b"\0")
    checksum = 0
    for (word,) in struct.iter_unpack("<I", header):
        checksum ^= word
    return (header + struct.pack("<I", checksum)).ljust(_PAGE, b"\0") + page.ljust(_PAGE, b"\0")


def _cell(data: bytes, size: int) -> bytes:
    """A used cell has a negative size."""
    return (struct.pack("<i", -size) + data).ljust(size, b"\0")


def merged(folder: Path, registry_file: bytes) -> str:
    """What the hive holds after the merge, in hivexregedit's own words.

    It wants text as this machine writes it, so Windows' encoding and line ends are undone first, strictly. Raises
    ``CalledProcessError`` where it refuses.
    """
    if not shutil.which("hivexregedit"):
        pytest.skip("hivexregedit is not installed (Debian package libwin-hivex-perl)")
    hive = folder / "SOFTWARE"
    hive.write_bytes(empty_hive())
    text = registry_file.decode("utf-16").replace("\r\n", "\n")
    command = ["hivexregedit", "--prefix", _PREFIX]
    subprocess.run([*command, "--merge", str(hive)], input=text, text=True, check=True, capture_output=True, timeout=30)
    done = subprocess.run(
        [*command, "--unsafe-printable-strings", "--export", str(hive), r"\LookingGlass"],
        text=True,
        check=True,
        capture_output=True,
        timeout=30,
    )
    return done.stdout
