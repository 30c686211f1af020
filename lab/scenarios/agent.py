"""Runs functions of this package for the tests outside, whose calls ``lab/l1/resident.py`` receives.

``python3 -m lab.scenarios.agent MODULE.FUNCTION JSON`` makes one call and prints what comes back as JSON.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_SETTLE_SECONDS = 600  # as patient as a unit of the machine


def settle() -> None:
    """Wait until udev has handled every device: drivers are bound long after init has started."""
    subprocess.run(["udevadm", "settle", f"--timeout={_SETTLE_SECONDS}"], check=True, timeout=_SETTLE_SECONDS + 10)


def shell(command: str, seconds: float) -> tuple[int, str, str]:
    """Exit status of a shell's command, its standard output, its standard error."""
    done = subprocess.run(["sh", "-c", command], stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds)
    return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")


def function_named(name: str) -> Callable[..., Any]:
    """``module.function`` of this package."""
    module, _, function = name.rpartition(".")
    found: Callable[..., Any] = getattr(importlib.import_module(f"lab.scenarios.{module}"), function)
    return found


def call(function: str, arguments: dict[str, Any]) -> Any:
    """What the function of that name returns."""
    return function_named(function)(**arguments)


if __name__ == "__main__":
    print(json.dumps(call(sys.argv[1], json.loads(sys.argv[2]) if sys.argv[2:] else {})))
