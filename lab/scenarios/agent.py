"""Runs functions of this package for the tests outside: a JSON line in, a JSON line out.

``python3 -m lab.scenarios.agent DEVICE`` serves calls on a device, ``… MODULE.FUNCTION JSON`` makes one and prints.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import traceback
from typing import Any

_SETTLE_SECONDS = 600  # as patient as a unit of the machine


def settle() -> None:
    """Wait until udev has handled every device: drivers are bound long after init has started."""
    subprocess.run(["udevadm", "settle", f"--timeout={_SETTLE_SECONDS}"], check=True, timeout=_SETTLE_SECONDS + 10)


def shell(command: str, seconds: float) -> tuple[int, str, str]:
    """Exit status of a shell's command, its standard output, its standard error."""
    done = subprocess.run(["sh", "-c", command], stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds)
    return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")


def call(function: str, arguments: dict[str, Any]) -> Any:
    """``module.function`` of this package."""
    module, _, name = function.rpartition(".")
    return getattr(importlib.import_module(f"lab.scenarios.{module}"), name)(**arguments)


def serve(device: str) -> None:
    """Answer line after line, whatever goes wrong."""
    with open(device, "r+b", buffering=0) as channel:  # noqa: PTH123 - a port has no end to read to
        pending = b""
        while True:
            pending += channel.read(1 << 16) or b""
            while b"\n" in pending:
                line, _, pending = pending.partition(b"\n")
                channel.write(json.dumps(_answer(*json.loads(line))).encode() + b"\n")


def _answer(token: str, function: str, arguments: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"token": token, "result": call(function, arguments)}
    except Exception:
        return {"token": token, "error": traceback.format_exc()}


if __name__ == "__main__":
    if "/" in sys.argv[1]:
        serve(sys.argv[1])
    else:
        print(json.dumps(call(sys.argv[1], json.loads(sys.argv[2]) if sys.argv[2:] else {})))
