"""Records that are damaged, and such as somebody made to do harm: an answer, never an exception."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from optimux.cli.doctor_junit import junit
from optimux.cli.doctor_picture import picture
from tests.doctor.machine import IMAGE, Node, of_the_plan, planted, report

if TYPE_CHECKING:
    from pathlib import Path

    from tests.doctor.machine import Change, Members

GARBAGE: dict[str, Change] = {
    "nothing": b"",
    "bytes": bytes(range(256)) * 8,
    "one long line": b"A" * 100_000,
    "words": "\x1b[31m0 : = , [ ] { } \u202e %s $(reboot) -1 99999999999999999999 \ud7ff\n" * 20,
    "a folder": Node(tarfile.DIRTYPE, 0o755),
    "a pipe": Node(tarfile.FIFOTYPE),
    "a link to itself": Node(tarfile.SYMTYPE, text="itself"),
}
# What makes the machine another one: then most checks have nothing to look at.
KEPT = (
    "/proc/cpuinfo",
    "/sys/bus/pci",
    "/sys/devices/pci",
    "/sys/class/drm",
    "/sys/kernel/iommu_groups",
    "/etc/os-release",
)


def files() -> list[str]:
    """Every file of the machine, those of the plan and the image among them."""
    found = [name for name, member, _ in planted() if member.isreg() and not name.startswith(KEPT)]
    return sorted({*found, *of_the_plan(), IMAGE})


@pytest.mark.parametrize("kind", GARBAGE)
@pytest.mark.parametrize("third", range(3))
def test_an_answer_to_everything(kind: str, third: int, tmp_path: Path) -> None:
    """A third of the files at a time, so that what reads two of them is reached by one that is whole."""
    changes: Members = dict.fromkeys(files()[third::3], GARBAGE[kind])
    found = report(tmp_path, changes)
    assert found.results
    file = io.StringIO()
    Console(file=file, width=80, highlight=False).print(picture(found, show_all=True))
    said = file.getvalue() + junit(found)
    assert "\x1b" not in said
    assert "\u202e" not in file.getvalue()


def test_device_files_may_be_garbage_too(tmp_path: Path) -> None:
    garbage = ("power_state", "reset_method", "driver_override", "boot_vga", "d3cold_allowed", "resource")
    names = [name for name, member, _ in planted() if member.isreg() and name.endswith(garbage)]
    assert names
    assert report(tmp_path, dict.fromkeys(names, bytes(range(256)))).results
