"""What is in an initramfs that is not packed, also in that of a unified image."""

from __future__ import annotations

import hashlib
import re

from optimux.record import Record

# Of a cpio archive (Linux, Documentation/driver-api/early-userspace/buffer-format.rst): 13 numbers of 8 digits.
_HEADER = re.compile(rb"070701([0-9A-Fa-f]{104})")
_MODE, _SIZE, _NAME_SIZE = 1, 6, 11
_LAST = b"TRAILER!!!"
_BLOCK = 512  # what archives are filled up to


class Initramfs(Record):
    """Its ``size`` in bytes, and by its path each file's mode and SHA-256, whenever it was made."""

    size: int
    files: dict[str, tuple[int, str]]


def initramfs_in(image: bytes) -> Initramfs:
    """The first archive with a file in ``image``; the stub of a unified one has an end of an archive in it.

    Raises ``ValueError`` where there is none.
    """
    first = next((found for found in _HEADER.finditer(image) if not image.startswith(_LAST, found.end())), None)
    if first is None:
        raise ValueError("no cpio archive with files")
    files: dict[str, tuple[int, str]] = {}
    start = place = first.start()
    while header := _HEADER.match(image, place):
        numbers = [int(header[1][at : at + 8], 16) for at in range(0, 104, 8)]
        name = image[header.end() : header.end() + numbers[_NAME_SIZE] - 1].decode()
        content = start + _filled(header.end() + numbers[_NAME_SIZE] - start, 4)
        place = start + _filled(content + numbers[_SIZE] - start, 4)
        if name == _LAST.decode():
            break
        data = memoryview(image)[content : content + numbers[_SIZE]]
        files[name] = numbers[_MODE], hashlib.sha256(data).hexdigest()
    return Initramfs(_filled(place - start, _BLOCK), files)


def _filled(size: int, unit: int) -> int:
    return -(-size // unit) * unit
