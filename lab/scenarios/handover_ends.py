"""What ends while a VM has the card: the slot's power, the machine's, the host.

For the first two the hook alone stands for the VM: what the host has of a hand-over is the same, and no QEMU outlives
a power cut.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

from lab.scenarios import libvirt, pci
from lab.scenarios.handover import FUNCTIONS, VFIO, call_hook, domain, optimux, patient, ready, state

_SECONDS = 60
_GONE_SECONDS = 120


def given(name: str) -> dict[str, Any]:
    """The hook takes the card for a VM, and the disk has all that was written; what the card was before."""
    patient()
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


def pulled(name: str) -> dict[str, Any]:
    """Once the slot has lost the card: what its VM's end says and leaves, and what the next start says."""
    end = time.monotonic() + _GONE_SECONDS
    while any((pci.DEVICES / address).exists() for address in FUNCTIONS):
        assert time.monotonic() < end, "the card is still there"
        time.sleep(0.2)
    code, said = call_hook(name, "release", "end")
    _, seen, _, _ = optimux("status", "--json")
    (gpu,) = json.loads(seen)["gpus"]
    return {
        "code": code,
        "said": said,
        "left": sorted(path.name for path in Path("/run/optimux").glob("card-*")),
        "verdict": gpu["verdict"],
        "refusal": call_hook(name, "prepare", "begin"),
    }


def plugged_in() -> None:
    """It is the host's, as any card that comes; its stick is not plugged in again."""
    end = time.monotonic() + _GONE_SECONDS
    while not all(pci.driver(address) for address in FUNCTIONS):
        assert time.monotonic() < end, state()
        time.sleep(0.2)


def powered_off(xml: str) -> None:
    """A VM with the card, paused, and the host's shutdown begins."""
    patient()
    libvirt.start(domain(xml), paused=True)
    assert state()["drivers"] == VFIO, state()
    subprocess.run(["systemctl", "--no-block", "poweroff"], check=True, timeout=_SECONDS)
