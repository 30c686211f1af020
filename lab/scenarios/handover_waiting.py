"""A driver under NVIDIA's name whose removal waits for its users: hand-over refuses, a plain unbind hangs."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from lab.scenarios import pci
from lab.scenarios.handover import FUNCTIONS, held, optimux, settle, state, usable

if TYPE_CHECKING:
    from collections.abc import Iterator

GPU = FUNCTIONS[0]


@contextlib.contextmanager
def _driven() -> Iterator[None]:
    """The display under that driver; under its own again afterwards."""
    subprocess.run(["modprobe", "nvidia"], check=True, timeout=60)
    pci.bind(GPU, "nvidia")
    pci.write(GPU, "driver_override", "\n")
    try:
        yield
    finally:
        pci.bind(GPU, "bochs-drm")
        pci.write(GPU, "driver_override", "\n")
        subprocess.run(["rmmod", "nvidia"], check=True, timeout=60)
        usable()


def refused() -> float:
    """With a user: a refusal, nothing changed, nobody in D state. Without: there and back. Seconds of the refusal."""
    settle()
    with _driven():
        with held("waits"):
            before = state()
            code, said, errors, seconds = optimux("take")
            assert code == 1, (said, errors)
            assert "rmmod nvidia" in errors, errors
            assert "in use" in errors, errors
            assert state() == before, (state(), before)
            assert _stuck() == [], _stuck()
        code, said, errors, _ = optimux("take")
        assert code == 0, (said, errors)
        assert not Path("/sys/module/nvidia").exists()
        code, said, errors, _ = optimux("give")
        assert code == 0, (said, errors)
        assert state() == before, (state(), before)
    return seconds


def twin_unbound() -> bool:
    """A plain write to ``unbind`` with a user waits inside the kernel, and cannot be ended before the user has."""
    with _driven():
        with held("waits"):
            child = os.fork()
            if child == 0:
                Path("/sys/bus/pci/drivers/nvidia/unbind").write_text(GPU)
                os._exit(0)
            time.sleep(3)
            os.kill(child, 9)
            time.sleep(1)
            hangs = os.waitpid(child, os.WNOHANG) == (0, 0) and child in _stuck()
        os.waitpid(child, 0)
    return hangs


def _stuck() -> list[int]:
    """Processes that wait inside the kernel, threads of its own left out."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (folder / "stat").read_text().rpartition(")")[2].split()
            if words[0] == "D" and words[1] != "2":
                found.append(int(folder.name))
    return found
