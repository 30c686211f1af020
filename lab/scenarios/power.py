"""The power states of a function, as sysfs shows them."""

from __future__ import annotations

import time
from typing import Any

from lab.scenarios import pci

_SETTLE_SECONDS = 30
_STEP_SECONDS = 0.2


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
