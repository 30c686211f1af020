"""Initramfs images, made as the tools make them."""

from __future__ import annotations


def archive(*names: str, content: bytes = b"x" * 5) -> bytes:
    """A cpio archive in the new ASCII format."""
    return b"".join(_member(name, content) for name in names) + _member("TRAILER!!!", b"")


def _member(name: str, content: bytes) -> bytes:
    fields = [1, 0o100644, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0]
    head = b"070701" + "".join(f"{field:08x}" for field in fields).encode() + name.encode() + b"\0"
    return _aligned(head) + _aligned(content)


def _aligned(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def unified(image: bytes) -> bytes:
    """A PE file whose section ``.initrd`` is the image."""
    head = bytearray(0x200)
    head[:2], head[0x3C:0x40] = b"MZ", (0x40).to_bytes(4, "little")
    head[0x40:0x44] = b"PE\0\0"
    head[0x46:0x48], head[0x54:0x56] = (2).to_bytes(2, "little"), (16).to_bytes(2, "little")
    for number, (name, size) in enumerate([(b".linux", 8), (b".initrd", len(image))]):
        entry = 0x40 + 24 + 16 + 40 * number
        head[entry : entry + len(name)] = name
        for place, value in ((8, size), (16, size), (20, 0x200 + 8 * number)):
            head[entry + place : entry + place + 4] = value.to_bytes(4, "little")
    return bytes(head) + bytes(8) + image
