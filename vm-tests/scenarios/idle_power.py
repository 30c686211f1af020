"""Scenario 6: how far idle functions sleep under vfio-pci.

Emulated devices cannot show D3cold: it takes a root port that cuts the power. e1000e reaches D3hot; the emulated card
has no power management of its own and stays in D0 though it is suspended.
"""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Any

from scenarios import pci

_SETTLE_SECONDS = 30
_STEP_SECONDS = 0.2
_SECONDS = 60


def state(address: str) -> dict[str, Any]:
    """Driver, runtime status (``active``, ``suspended``), power state (``D0``, ``D3hot``, …) and what is allowed."""
    return {
        "driver": pci.driver(address),
        "status": pci.attribute(address, "power/runtime_status"),
        "power": pci.attribute(address, "power_state"),
        "control": pci.attribute(address, "power/control"),
        "d3cold_allowed": pci.attribute(address, "d3cold_allowed"),
    }


def settled(address: str) -> dict[str, Any]:
    """The state once it is suspended, or after half a minute of not being so."""
    end = time.monotonic() + _SETTLE_SECONDS
    while pci.attribute(address, "power/runtime_status") != "suspended" and time.monotonic() < end:
        time.sleep(_STEP_SECONDS)
    return state(address)


def with_files(files: dict[str, str], addresses: list[str], seconds: float) -> dict[str, dict[str, Any]]:
    """The states ``seconds`` after vfio-pci was loaded anew with other host ``files``; they are put back."""
    kept = {path: Path(path).read_text() for path in files}
    try:
        _reload(files)
        time.sleep(seconds)
        return {address: state(address) for address in addresses}
    finally:
        _reload(kept)


def _reload(files: dict[str, str]) -> None:
    for path, text in files.items():
        Path(path).write_text(text)
    _run("udevadm", "control", "--reload")
    _run("modprobe", "-r", "vfio-pci")
    _run("modprobe", "vfio-pci")
    _run("udevadm", "settle", f"--timeout={_SECONDS}")


def _run(*command: str) -> None:
    subprocess.run(command, check=True, timeout=_SECONDS + 10)
