"""What ends while a VM has the card: the slot's power, the machine's, the host.

For a power cut the hook alone stands for the VM: what the host has of a hand-over is the same, and no QEMU outlives it.
"""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.scenarios import libvirt, pci
from lab.scenarios.handover import FUNCTIONS, SERVED, VFIO, call_hook, domain, hurried, optimux, ready, state, status

if TYPE_CHECKING:
    from collections.abc import Callable

_SECONDS = 60
_GONE_SECONDS = 120


def given(name: str) -> dict[str, Any]:
    """The hook takes the card for a VM, and the disk has all that was written; what the card was before."""
    hurried()
    before = state()
    code, said = call_hook(name, "prepare", "begin")
    assert code == 0, said
    assert state()["drivers"] == VFIO, state()
    assert state()["run"], state()
    os.sync()
    return before


def as_configured() -> dict[str, Any]:
    """After the machine's next start: the card is used, and what hand-over may have changed of it."""
    ready()
    return state()


def running(xml: str) -> None:
    """A VM with the card, paused."""
    hurried()
    libvirt.start(domain(xml), paused=True)
    assert state()["drivers"] == VFIO, state()


def leaving(name: str) -> dict[str, Any]:
    """While the kernel waits for the VM to let a function go that was pulled out: all that is asked is answered."""
    _until(lambda: None in state()["drivers"].values(), "no function is leaving")
    before = state()
    seen = {"status": status(), "libvirt": libvirt.state(name)}
    for verb in ("take", "give"):
        code, _, words, _ = optimux(verb)
        assert code == 1, words
        seen[verb] = words
    code, seen["start"] = call_hook("other", "prepare", "begin")
    assert code == 1, seen["start"]
    assert state() == before, (state(), before)
    return seen


def pulled(name: str) -> dict[str, Any]:
    """The VM's end: what it leaves, and what the next start says."""
    libvirt.stop(name)
    _until(lambda: not any((pci.DEVICES / address).exists() for address in FUNCTIONS), "the card is still there")
    return {
        "left": sorted(path.name for path in Path("/run/optimux").glob("card-*")),
        "verdict": status()["verdict"],
        "refusal": call_hook(name, "prepare", "begin"),
    }


def plugged_in() -> None:
    """It is the host's, as any card that comes; its stick is not plugged in again."""
    _until(lambda: all(pci.driver(address) for address in FUNCTIONS), "not every function has a driver")


def _until(holds: Callable[[], bool], otherwise: str) -> None:
    end = time.monotonic() + _GONE_SECONDS
    while not holds():
        assert time.monotonic() < end, f"{otherwise}: {state()}"
        time.sleep(0.2)


def powered_off(xml: str) -> None:
    """A VM with the card, paused, and the host's shutdown begins, in which the hook's program is one of its own."""
    running(xml)
    SERVED.unlink()
    subprocess.run(["systemctl", "--no-block", "poweroff"], check=True, timeout=_SECONDS)
