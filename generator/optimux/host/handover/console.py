"""Which card the text console is on."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optimux.host.handover.nodes import Node, Sysfs

_GET_MAP = 0x460F  # linux/fb.h: FBIOGET_CON2FBMAP, a console's framebuffer
_CONSOLES = range(1, 64)  # linux/vt.h: MAX_NR_CONSOLES


def console(sysfs: Sysfs, nodes: tuple[Node, ...]) -> str | None:
    """The card's framebuffer, where a text console is on it.

    On a running machine the kernel is asked, through a framebuffer of another card's.
    """
    mine = {node.name.rpartition("/")[2] for node in nodes if node.subsystem == "graphics"}
    words = [line.split(" ")[0] for line in (sysfs.text("/proc/fb") or "").splitlines()]
    numbers = sorted(int(word) for word in words if word.isdecimal())
    others = [number for number in numbers if f"fb{number}" not in mine]
    if not mine or not numbers or not _shown(sysfs):
        return None
    if not others:
        return f"fb{numbers[0]}"
    mapped = None if sysfs.root else _mapped(f"/dev/fb{others[0]}")
    shown = {_likely(sysfs, numbers)} if mapped is None else mapped
    return next((name for number in numbers if number in shown and (name := f"fb{number}") in mine), None)


def _shown(sysfs: Sysfs) -> bool:
    """Whether consoles are drawn into framebuffers at all."""
    return any(
        "frame buffer" in (sysfs.text(f"/sys/class/vtconsole/{name}/name") or "")
        and sysfs.text(f"/sys/class/vtconsole/{name}/bind") == "1"
        for name in sysfs.names("/sys/class/vtconsole")
    )


def _mapped(path: str) -> set[int] | None:
    """The framebuffers that consoles are on; ``None`` where the kernel may not be asked."""
    import fcntl

    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - a device has no text
            answers = [fcntl.ioctl(file, _GET_MAP, struct.pack("II", console, 0)) for console in _CONSOLES]
    except OSError:
        return None
    return {struct.unpack("II", answer)[1] for answer in answers}


def _likely(sysfs: Sysfs, numbers: list[int]) -> int:
    """The boot display's, which fbcon prefers (FRAMEBUFFER_CONSOLE_DETECT_PRIMARY, as distributions build it)."""
    boot = (n for n in numbers if sysfs.text(f"/sys/class/graphics/fb{n}/device/boot_vga") == "1")
    return next(boot, numbers[0])
