"""Doctor on a machine that runs: what it says of it, and of what was broken there."""

from __future__ import annotations

import json
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

from optimux.facts.detect import Root, detect
from optimux.files.documents import read_json
from optimux.host.doctor import BROKEN, Look, checks, examine
from optimux.host.doctor.findings import plan_on, report_of

_SECONDS = 60


def look(options: str) -> dict[str, Any]:
    """The whole report on this machine, as ``doctor --json`` prints it."""
    return report_of(options, None, None, previous=False).as_data()


def save_options(path: str) -> None:
    """The configuration of the machines that have one, on a machine that has none."""
    from lab.l1.configs import by_id_config

    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(json.dumps(by_id_config("shm")), encoding="utf-8")


def broken_by(options: str, faults: list[tuple[list[str], list[str], list[str]]]) -> list[list[str]]:
    """What is seen of some checks after the commands of a shell, fault by fault: commands, what undoes them, keys.

    Of an emulated machine a whole look takes half a minute; so only these checks are asked.
    """
    return [_broken_by(options, *fault) for fault in faults]


def _broken_by(options: str, commands: list[str], back: list[str], keys: list[str]) -> list[str]:
    try:
        for command in commands:
            _run(command)
        return _broken(options, keys)
    finally:
        for command in back:
            _run(command)


def _broken(options: str, keys: list[str]) -> list[str]:
    with closing(Root.at()) as root:
        facts = detect(root)
        plan, _ = plan_on(read_json(options), facts)
        results = examine(Look(root, facts, plan), [check for check in checks() if check.key in keys])
    return [f"{result.key}: {result.seen}" for result in results if result.outcome == BROKEN]


def _run(command: str) -> None:
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=_SECONDS, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr or done.stdout}"
