"""A cold ``apply --yes`` of a plan that a root already has: what a timer or a configuration management pays."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.measure import median, run

MOST_MS = 300
SCRIPT = "import sys; from optimux.cli import main; main(sys.argv[1:])"
CONFIG = Path(__file__).parents[1] / "examples" / "omen-17.toml"


def report(count: int) -> Iterator[str]:
    """Lines for a reader: milliseconds beside what is allowed."""
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch, "root")
        (root / "etc").mkdir(parents=True)
        (root / "etc/os-release").write_text("ID=debian\n")
        command = [sys.executable, "-c", SCRIPT, "apply", str(CONFIG), "--root", str(root), "--yes"]
        run(command)
        runs = [run(command) for _ in range(count)]
        wall, cpu, peak = (median(runs, figure) for figure in ("wall", "cpu", "peak"))
        yield (
            f"  {'apply, unchanged':24} {wall * 1000:6.0f} ms (cpu {cpu * 1000:.0f}; at most {MOST_MS}) {peak:5.1f} MiB"
        )
