"""A small EDID, after VESA E-EDID 1.4 and CTA-861.3."""

from __future__ import annotations


def edid(mode: str, name: str = "", *words: str) -> bytes:
    """128 bytes for a monitor of a mode such as ``2560x1600@165``; ``hdr`` adds a block that says so."""
    size, _, rate = mode.partition("@")
    width, height = map(int, size.split("x"))
    data = bytearray(128)
    data[0:8] = b"\x00\xff\xff\xff\xff\xff\xff\x00"
    data[18:20] = b"\x01\x04"
    data[54:72] = _timing(width, height, int(rate))
    if name:
        data[72:90] = b"\0\0\0\xfc\0" + name.replace("_", " ").encode()[:13].ljust(13, b"\n")
    data[126] = 1 if "hdr" in words else 0
    data[127] = -sum(data) & 0xFF
    return bytes(data) + (_hdr() if "hdr" in words else b"")


def _timing(width: int, height: int, rate: int) -> bytes:
    """A detailed timing with 160 blank pixels and 40 blank lines."""
    clock = round((width + 160) * (height + 40) * rate / 10_000)
    timing = bytearray(18)
    timing[0:2] = min(clock, 0xFFFF).to_bytes(2, "little")
    timing[2], timing[3], timing[4] = width & 0xFF, 160, width >> 8 << 4
    timing[5], timing[6], timing[7] = height & 0xFF, 40, height >> 8 << 4
    return bytes(timing)


def _hdr() -> bytes:
    block = bytearray(128)
    block[0:4] = b"\x02\x03\x08\x00"
    block[4:8] = b"\xe3\x06\x05\x01"  # extended tag 6: SDR and SMPTE ST 2084
    return bytes(block)
