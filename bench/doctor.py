"""A cold ``doctor`` over a recorded tree of 60 functions, and over this machine: as a picture, and as JSON."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bench.detect import FUNCTIONS, SCRIPT, recorded_tree
from bench.measure import median, run
from lab import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Iterator

CONFIG = CHECKOUT / "examples" / "omen-17.toml"
MOST_MS, MOST_MIB = 400, 60


def report(count: int) -> Iterator[str]:
    """Lines for a reader: milliseconds and peak memory beside what is allowed without a libvirt that is asked."""
    with tempfile.TemporaryDirectory() as scratch:
        tree = str(recorded_tree(Path(scratch, "tree")))
        lines = {
            f"doctor, {FUNCTIONS} functions": ["--root", tree],
            f"doctor --json, {FUNCTIONS}": ["--root", tree, "--json"],
            "doctor, this machine": [],
        }
        for name, options in lines.items():
            command = [sys.executable, "-c", SCRIPT, "doctor", str(CONFIG), *options]
            run(command, (0, 1))
            runs = [run(command, (0, 1)) for _ in range(count)]
            wall, cpu, peak = (median(runs, figure) for figure in ("wall", "cpu", "peak"))
            yield (
                f"  {name:24} {wall * 1000:6.0f} ms (cpu {cpu * 1000:.0f}; at most {MOST_MS}) {peak:5.1f} MiB "
                f"(at most {MOST_MIB})"
            )
