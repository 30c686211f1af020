"""Doctor on a machine that runs: what it says of it, and of what was broken there."""

from __future__ import annotations

import json
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optimux.host.doctor.findings import report_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_SECONDS = 60


def look(options: str) -> dict[str, Any]:
    """The whole report on this machine, as ``doctor --json`` prints it."""
    return report_of(options, None, None, previous=False).as_data()


def save_options(path: str) -> None:
    """The configuration of the machines that have one, on a machine that has none."""
    from lab.l1.configs import by_id_config

    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(json.dumps(by_id_config("shm")), encoding="utf-8")


def broken_by(options: str, *, commands: list[str], back: list[str]) -> dict[str, list[str]]:
    """What is broken after the commands of a shell and was not before, by check; ``back`` undoes them."""
    before = _broken(options)
    with _undone(back):
        for command in commands:
            _run(command)
        after = _broken(options)
    return {key: seen for key, seen in after.items() if seen != before.get(key)}


def without_node(options: str, path: str) -> dict[str, list[str]]:
    """The same without kvmfr, and with a plain file at the device's place."""
    commands = ["modprobe -r kvmfr", f"echo mine > {path}"]
    return broken_by(options, commands=commands, back=[f"rm -f {path}", "modprobe kvmfr", "udevadm settle"])


@contextmanager
def _undone(back: list[str]) -> Iterator[None]:
    try:
        yield
    finally:
        for command in back:
            _run(command)


def _broken(options: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for check in look(options)["checks"]:
        if check["outcome"] == "broken":
            found.setdefault(check["check"], []).append(check["seen"])
    return found


def _run(command: str) -> None:
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=_SECONDS, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr or done.stdout}"
