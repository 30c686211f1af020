"""One VM and a thousand VMs in one configuration: the cost of each further VM, files included."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.generate import EXAMPLE
from bench.measure import median, run
from optimux.files.documents import read_toml

SIZES = (1, 100, 1000)


def report(count: int) -> Iterator[str]:
    """CPU milliseconds of whole processes at several sizes, and how flat the cost of a VM is."""
    with tempfile.TemporaryDirectory() as scratch:
        cpu = {size: _cpu(Path(scratch), size, min(count, 3)) for size in SIZES}
    few = (cpu[100] - cpu[1]) / 99
    many = (cpu[1000] - cpu[100]) / 900
    yield "generate with many VMs in one configuration, CPU time of the process"
    yield from (f"  {size:5} VMs {value * 1000:9.1f} ms" for size, value in cpu.items())
    yield f"  each further VM: {few * 1000:.2f} ms up to 100, {many * 1000:.2f} ms up to 1000, ratio {many / few:.2f}"


def _cpu(scratch: Path, size: int, count: int) -> float:
    config = scratch / f"{size}.json"
    config.write_text(json.dumps(_data(size)), encoding="utf-8")
    script = "from optimux.cli import main; main()"
    folders = (str(scratch / f"{size}-{number}") for number in range(count))
    return median(
        [run([sys.executable, "-c", script, "generate", str(config), "-o", folder]) for folder in folders], "cpu"
    )


def _data(size: int) -> dict[str, Any]:
    """The example with ``size`` VMs that take turns with its GPU."""
    data = read_toml(str(EXAMPLE))
    (vm,) = data["vms"].values()
    bare = {key: value for key, value in vm.items() if key not in ("uuid", "networks")}
    data["vms"] = {f"vm{number}": bare for number in range(size)}
    return data
