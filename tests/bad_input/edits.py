"""A good configuration, edits to it, and one run of ``optimux generate`` on the result."""

from __future__ import annotations

import json
import tomllib
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optimux.cli import run
from optimux.record import Record

if TYPE_CHECKING:
    import pytest

CHECKOUT = Path(__file__).parents[2]
EXAMPLE = CHECKOUT / "examples" / "omen-17.toml"
FACTS = CHECKOUT / "tests" / "facts" / "omen-17.json"
GONE = object()
VM, GPU = "vms.Windows11", "gpus.rtx3070"

Where = str | tuple[str, ...]
Edits = dict[Where, Any]


class Outcome(Record):
    """What one run did: exit code, standard error, and the files in the output folder (``None``: no folder)."""

    code: int
    errors: str
    files: tuple[str, ...] | None


@cache
def _example() -> Any:
    data = tomllib.loads(EXAMPLE.read_text())
    vm = data["vms"]["Windows11"]
    vm["uuid"], vm["networks"] = "5d5b00d8-475a-4b6c-8053-9dda30cd2f95", [{"mac": "52:54:00:f4:bf:15"}]
    return data


def edited(edits: Edits) -> Any:
    """The example with values set or, by ``GONE``, removed. Paths are keys and indices joined by dots, or tuples."""
    data = deepcopy(_example())
    for where, value in edits.items():
        *parents, last = where.split(".") if isinstance(where, str) else where
        place = data
        for key in parents:
            place = place[int(key)] if isinstance(place, list) else place.setdefault(key, {})
        _set(place, last, value)
    return data


def of_vm(**keys: Any) -> Edits:
    """The example's VM with these keys."""
    return {f"{VM}.{key}": value for key, value in keys.items()}


def _set(place: Any, key: str, value: Any) -> None:
    index: Any = int(key) if isinstance(place, list) else key
    if value is GONE:
        del place[index]
    else:
        place[index] = deepcopy(value)


def generate(folder: Path, config: Path, capsys: pytest.CaptureFixture[str], *options: str) -> Outcome:
    """``optimux generate`` in this process, into ``folder / "out"``."""
    capsys.readouterr()
    output = folder / "out"
    code = run(["generate", str(config), "-o", str(output), *options])
    files = tuple(sorted(str(path.relative_to(output)) for path in output.rglob("*"))) if output.exists() else None
    return Outcome(code, capsys.readouterr().err, files)


def generate_from(folder: Path, data: Any, capsys: pytest.CaptureFixture[str], facts: bool = False) -> Outcome:
    """The same for plain data, and with what is known of the example's own machine when asked for."""
    config = folder / "config.json"
    config.write_text(json.dumps(data))
    return generate(folder, config, capsys, *(["--facts", str(FACTS)] if facts else []))
