"""How much shared memory a display needs, by the formulas of the Looking Glass releases."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from optimux.sizes import power_of_two_mib

if TYPE_CHECKING:
    from optimux.options.looking_glass import Display, Release, SizeRule
    from optimux.sizes import Size

_MIB = 1 << 20
_ROW_ALIGNMENT = 256  # bytes; Direct3D 12 wants it of every row that is copied


def frame_memory(display: Display, release: Release, rule: SizeRule = "release") -> Size:
    """The smallest power of two in which ``display`` fits.

    ``release`` is ``"b7"`` or ``"idd"``. The ``rule`` ``"two-frames"`` counts two 32-bit frames and nothing else,
    whatever the release: too small for B7 at several modes.
    """
    return power_of_two_mib(_two_frames_mib(display) if rule == "two-frames" else needed_mib(display, release))


def needed_mib(display: Display, release: Release) -> float:
    """What the release really needs for ``display``, in MiB, before rounding up to a power of two."""
    return _idd_mib(display) if release == "idd" else _b7_mib(display)


def _b7_mib(display: Display) -> float:
    """Looking Glass B7, doc/install_libvirt.rst: two frames and 10 MiB; HDR frames have 64 bits a pixel."""
    pixel = 8 if display.hdr else 4
    return display.width * display.height * pixel * 2 / _MIB + 10


def _idd_mib(display: Display) -> float:
    """Looking Glass after B7, the display driver: three frames of aligned 32-bit rows, HDR or not, and 4 MiB."""
    row = ceil(display.width * 4 / _ROW_ALIGNMENT) * _ROW_ALIGNMENT
    return row * display.height * 3 / _MIB + 4


def _two_frames_mib(display: Display) -> float:
    return display.width * display.height / 131072
