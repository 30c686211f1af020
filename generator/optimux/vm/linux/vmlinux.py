"""The kernel itself out of its image: an emulated processor takes seconds to unpack it, the real one less than one.

Under SeaBIOS QEMU starts an ELF kernel that has a PVH entry (Linux 5.0 with CONFIG_PVH, QEMU 4.0). ACPI tables, memory
map and root pointer are the firmware's, as when it starts the image. UEFI starts images alone.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from contextlib import suppress
from struct import Struct, error, unpack_from
from typing import TYPE_CHECKING

from optimux.files.scratch import discard, write_new
from optimux.vm.linux.cache import cache, cached
from optimux.vm.linux.unpack import zstd

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from optimux.vm.linux.kernel import LinuxKernel

# Linux, Documentation/arch/x86/boot.rst: the header of the image, the payload's place from protocol 2.08 on.
_SECTORS, _MAGIC, _PROTOCOL, _PAYLOAD = 0x1F1, 0x202, 0x206, 0x248
_SECTOR = 512
_SIZE = 4  # what is packed ends with its size when unpacked
_XZ, _GZIP, _ZSTD = b"\xfd7zXZ\0", b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
# ELF-64, little endian, x86-64 (System V ABI): where the program headers are, their size and number; one of them.
_ELF, _X86_64 = b"\x7fELF\2\1", 62
HEADERS, COUNTS = 32, 54
PROGRAM = Struct("<II6Q")
_NOTES = 4  # PT_NOTE
_PVH = (b"Xen\0", 18)  # XEN_ELFNOTE_PHYS32_ENTRY (Xen, public/elfnote.h)
_KEPT = 2  # 60 MB each
# QEMU's types of today by their short names, and those from 4.0 on. Older ones start no ELF file and say nothing; by
# which version a distribution named its own is not to be seen.
_STARTS_ELF = re.compile(r"(q35|pc|pc-(q35|i440fx)-([4-9]|\d\d+)\.\d+(\.\d+)?)(,.*)?")


def direct_image(kernel: LinuxKernel, machine: str) -> Path:
    """What QEMU starts soonest of ``kernel`` under SeaBIOS on a ``machine`` type: an ELF file in the cache.

    The image as it is where that cannot be: packed otherwise than with xz, gzip or zstd, without the entry, or for
    another machine type. Raises ``VmError`` where the cache cannot be written.
    """
    if not _STARTS_ELF.fullmatch(machine):
        return kernel.image
    state = kernel.image.stat()
    key = hashlib.sha256(repr((str(kernel.image), state.st_size, state.st_mtime)).encode()).hexdigest()[:12]
    target = cache("kernels") / f"{kernel.release}-{key}.elf"
    if not target.exists():
        content = vmlinux(kernel.image.read_bytes())
        if content is None:
            return kernel.image
        cached(target, lambda half: write_new(half, content))
        _forget_old(target.parent)
    return target


def vmlinux(image: bytes) -> bytes | None:
    """The ELF kernel in an image for x86, where QEMU can start it; else ``None``."""
    try:
        content = _unpacked(image)
        return content if content is not None and _has_entry(content) else None
    except (error, ValueError):
        return None  # not what the header says


def _unpacked(image: bytes) -> bytes | None:
    if image[_MAGIC : _MAGIC + 4] != b"HdrS" or unpack_from("<H", image, _PROTOCOL)[0] < 0x208:
        return None
    offset, length = unpack_from("<II", image, _PAYLOAD)
    start = ((image[_SECTORS] or 4) + 1) * _SECTOR + offset
    packed = image[start : start + length]
    content = _unpack(packed)
    return content if content is not None and len(content) == int.from_bytes(packed[-_SIZE:], "little") else None


def _unpack(packed: bytes) -> bytes | None:
    if packed.startswith(_XZ):
        import lzma

        try:
            return lzma.LZMADecompressor().decompress(packed)
        except lzma.LZMAError:
            return None
    if packed.startswith(_GZIP):
        try:
            return zlib.decompress(packed, wbits=31)
        except zlib.error:
            return None
    return zstd(packed[:-_SIZE]) if packed.startswith(_ZSTD) else None


def programs(kernel: bytes) -> Iterator[tuple[int, ...]]:
    """The program headers of an ELF kernel: type, flags, offset, virtual and physical address, size in the file and in
    memory, alignment. Raises ``struct.error`` or ``ValueError`` where they do not lie as its header says.
    """
    (start,) = unpack_from("<Q", kernel, HEADERS)
    size, count = unpack_from("<HH", kernel, COUNTS)
    for place in range(start, start + size * count, size):
        yield PROGRAM.unpack_from(kernel, place)


def _has_entry(content: bytes) -> bool:
    if not content.startswith(_ELF) or unpack_from("<H", content, 18)[0] != _X86_64:
        return False
    return any(
        kind == _NOTES and _is_among(content[offset : offset + length])
        for kind, _, offset, _, _, length, _, _ in programs(content)
    )


def _is_among(notes: bytes) -> bool:
    """Name and description are each filled up to four bytes."""
    place = 0
    while place < len(notes):
        name, description, kind = unpack_from("<III", notes, place)
        place += 12
        if (notes[place : place + name], kind) == _PVH:
            return True
        place += (name + 3 & ~3) + (description + 3 & ~3)
    return False


def _forget_old(folder: Path) -> None:
    """Kernels come often, and each one's file is large."""
    with suppress(FileNotFoundError):  # another run is at it too
        files = sorted(folder.glob("*.elf"), key=lambda file: file.stat().st_mtime)
        for old in files[:-_KEPT]:
            discard(old)
