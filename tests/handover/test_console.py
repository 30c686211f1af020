"""Which card's framebuffer has the text console, in a record."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from optimux.host.handover.console import console
from optimux.host.handover.nodes import Sysfs
from tests.detect.tree import put
from tests.handover.machine import CARD

if TYPE_CHECKING:
    from pathlib import Path


def on(machine: Path) -> str | None:
    sysfs = Sysfs(str(machine))
    return console(sysfs, sysfs.below(CARD.functions[0].address).nodes)


@pytest.mark.parametrize(
    ("framebuffers", "boot", "found"),
    [
        ("0 virtio_gpudrmfb\n1 bochs-drmdrmfb\n", None, None),
        ("1 bochs-drmdrmfb\n2 virtio_gpudrmfb\n", None, "fb1"),
        ("1 bochs-drmdrmfb\n2 virtio_gpudrmfb\n", 2, None),
        ("0 virtio_gpudrmfb\n1 bochs-drmdrmfb\n", 1, "fb1"),
        ("1 bochs-drmdrmfb\n", None, "fb1"),
        ("", None, None),
        ("? \n", None, None),
    ],
)
def test_the_boot_displays_else_the_first(
    framebuffers: str, boot: int | None, found: str | None, machine: Path
) -> None:
    put(machine, "/proc/fb", framebuffers)
    if boot is not None:
        put(machine, f"/sys/class/graphics/fb{boot}/device/boot_vga", "1\n")
    assert on(machine) == found


@pytest.mark.parametrize(("name", "content"), [("bind", "0"), ("name", "(S) VGA+")])
def test_no_console_in_framebuffers(name: str, content: str, machine: Path) -> None:
    put(machine, "/proc/fb", "1 bochs-drmdrmfb\n")
    put(machine, f"/sys/class/vtconsole/vtcon1/{name}", content)
    assert on(machine) is None
