"""A picture on a card by the kernel's own interface (drm.h, drm_mode.h), as a display server makes one."""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
from array import array
from typing import TYPE_CHECKING

from lab.scenarios import pci

if TYPE_CHECKING:
    from collections.abc import Iterator

_GET_RESOURCES, _GET_CONNECTOR, _SET_CRTC = 0xC04064A0, 0xC05064A7, 0xC06864A2
_ADD_FB, CREATE_DUMB, MAP_DUMB = 0xC01C64AE, 0xC02064B2, 0xC01064B3
_MODE_BYTES = 68  # drm_mode_modeinfo: width and height are its u16 at 4 and 14
_SEEN_BYTES = 4096


def drawn(path: str, address: str, colour: int) -> str:
    """Fill a picture with one colour (0xRRGGBB) and show it, as the display's master; the mode in words.

    ``address`` is the card's: the picture is then in its memory. Raises ``OSError`` for what the driver refuses,
    ``AssertionError`` where the card has another picture, also when it is shown once more: bochs of Linux 6.12 goes on
    with the console's the first time after its probe.
    """
    wanted = struct.pack("<I", colour) * (_SEEN_BYTES // 4)
    for _ in range(2):
        display = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            mode = _show(display, colour)
            seen = shown(address)
        finally:
            os.close(display)
        if seen == wanted:
            return mode
    raise AssertionError(f"the card shows {seen[:16].hex()}")


def _show(display: int, colour: int) -> str:
    crtc, connector, mode = _way(display)
    width, height = struct.unpack_from("=4xH", mode)[0], struct.unpack_from("=14xH", mode)[0]
    made = fcntl.ioctl(display, CREATE_DUMB, struct.pack("=IIIIIIQ", height, width, 32, 0, 0, 0, 0))
    handle, pitch, size = struct.unpack("=16xIIQ", made)
    fill(display, handle, size, struct.pack("<I", colour))
    added = fcntl.ioctl(display, _ADD_FB, struct.pack("=7I", 0, width, height, pitch, 32, 24, handle))
    (buffer,) = struct.unpack_from("=I", added)
    place = (connectors := array("I", [connector])).buffer_info()[0]
    fcntl.ioctl(display, _SET_CRTC, struct.pack("=Q7I", place, len(connectors), crtc, buffer, 0, 0, 0, 1) + mode)
    return f"{width}x{height}"


def fill(display: int, handle: int, size: int, word: bytes) -> None:
    """A buffer's memory, mapped and written to."""
    placed = fcntl.ioctl(display, MAP_DUMB, struct.pack("=IIQ", handle, 0, 0))
    (offset,) = struct.unpack("=8xQ", placed)
    with mmap.mmap(display, size, offset=offset) as memory:
        memory[:] = word * (size // len(word))


def shown(address: str) -> bytes:
    """The first bytes of what the card shows: from its memory, at the place that its registers say.

    QEMU's standard VGA (docs/specs/standard-vga.rst): memory is BAR 0, Bochs' registers lie in BAR 2 from 0x500 on, u16
    each; the sixth is the picture's width in memory, eighth and ninth are where it begins.
    """
    registers = _bar(address, 2, 0x500, 0x14)
    width, column, row = (struct.unpack_from("=H", registers, 2 * number)[0] for number in (6, 8, 9))
    return _bar(address, 0, 4 * (row * width + column), _SEEN_BYTES)


def _bar(address: str, number: int, offset: int, size: int) -> bytes:
    with open(pci.DEVICES / address / f"resource{number}", "rb") as file:  # noqa: PTH123
        begin = offset & ~(mmap.PAGESIZE - 1)
        with mmap.mmap(file.fileno(), offset - begin + size, prot=mmap.PROT_READ, offset=begin) as memory:
            return memory[offset - begin :]


def _way(display: int) -> tuple[int, int, bytes]:
    """A controller, a connector with something on it, and its first mode."""
    counts = struct.unpack("=32x4I16x", fcntl.ioctl(display, _GET_RESOURCES, bytes(64)))
    lists = [array("I", bytes(4 * count)) for count in counts]
    places = [numbers.buffer_info()[0] for numbers in lists]
    fcntl.ioctl(display, _GET_RESOURCES, struct.pack("=4Q4I16x", *places, *counts))
    _, crtcs, connectors, _ = lists
    for connector in connectors:
        for mode in _modes(display, connector):
            return crtcs[0], connector, mode
    raise OSError("no connector has a mode")


def _modes(display: int, connector: int) -> Iterator[bytes]:
    first = fcntl.ioctl(display, _GET_CONNECTOR, struct.pack("=4Q9I12x", *(0,) * 8, connector, *(0,) * 4))
    modes, properties, encoders = struct.unpack_from("=32x3I", first)
    room = [bytearray(size) for size in (4 * encoders, _MODE_BYTES * modes, 4 * properties, 8 * properties)]
    kept = [array("B", part) for part in room]
    places = [part.buffer_info()[0] for part in kept]
    counts = (modes, properties, encoders)
    fcntl.ioctl(display, _GET_CONNECTOR, struct.pack("=4Q9I12x", *places, *counts, 0, connector, *(0,) * 4))
    content = kept[1].tobytes()
    yield from (content[at : at + _MODE_BYTES] for at in range(0, len(content), _MODE_BYTES))
