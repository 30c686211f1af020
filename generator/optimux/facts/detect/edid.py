"""What a monitor says of itself: VESA E-EDID 1.4, and the HDR block of CTA-861.3."""

from __future__ import annotations

from optimux.facts.detect.root import clean
from optimux.facts.devices import Mode
from optimux.record import Record

HEADER = b"\x00\xff\xff\xff\xff\xff\xff\x00"
BLOCK = 128
DESCRIPTORS = range(54, 126, 18)
NAME = 0xFC
# CTA-861: the extension's tag, the tag of blocks with an extended one, and the extended tag of static HDR metadata.
CTA, EXTENDED, HDR = 0x02, 7, 6


class Sink(Record):
    """A monitor: its name, preferred mode, and whether it takes HDR."""

    name: str | None
    mode: Mode | None
    hdr: bool


def read_edid(data: bytes) -> Sink | None:
    """What an EDID says, or ``None`` for bytes that are none."""
    if len(data) < BLOCK or not data.startswith(HEADER):
        return None
    return Sink(_name(data), _preferred(data[54:72]), any(_takes_hdr(block) for block in _extensions(data)))


def _name(data: bytes) -> str | None:
    for start in DESCRIPTORS:
        descriptor = data[start : start + 18]
        if descriptor[:3] == b"\0\0\0" and descriptor[3] == NAME:
            return clean(descriptor[5:].split(b"\n")[0].decode("cp437"))
    return None


def _preferred(timing: bytes) -> Mode | None:
    """The first detailed timing (§3.10.2): pixel clock in 10 kHz; active and blanking with their high bits apart."""
    clock = int.from_bytes(timing[:2], "little") * 10_000
    width, height = timing[2] | (timing[4] & 0xF0) << 4, timing[5] | (timing[7] & 0xF0) << 4
    if not clock or not width or not height:
        return None
    total = (width + (timing[3] | (timing[4] & 0x0F) << 8)) * (height + (timing[6] | (timing[7] & 0x0F) << 8))
    rate = round(clock / total)
    return Mode(width=width, height=height, refresh_rate=rate if 1 <= rate <= 1000 else None)


def _extensions(data: bytes) -> list[bytes]:
    return [data[start : start + BLOCK] for start in range(BLOCK, len(data) - BLOCK + 1, BLOCK)]


def _takes_hdr(block: bytes) -> bool:
    """Whether a CTA extension has static HDR metadata with a transfer function beyond SDR's."""
    if block[0] != CTA:
        return False
    position = 4
    while position < min(block[2], BLOCK - 3):
        tag, length = block[position] >> 5, block[position] & 0x1F
        if tag == EXTENDED and length >= 2 and block[position + 1] == HDR:
            return bool(block[position + 2] & 0b1110)
        position += length + 1
    return False
