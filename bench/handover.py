"""A cold ``gpu status`` on this machine beside 300 processes of 40 descriptors each."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.measure import median, run

PROCESSES = 300
MOST_MS = 200
SCRIPT = "import sys; from optimux.cli import main; main(sys.argv[1:])"
CONFIG = """
[host]
distribution = "debian"
cpuVendor = "intel"
[gpus.card]
bind = "on-demand"
functions = [{ address = "0000:00:01.0", id = "1234:1111" }]
[vms.win]
gpu = "card"
memory = "4GiB"
"""
DESCRIPTORS = 40


def report(count: int) -> Iterator[str]:
    """Milliseconds beside what is allowed."""
    with tempfile.TemporaryDirectory() as scratch:
        config = Path(scratch, "optimux.toml")
        config.write_text(CONFIG)
        command = [sys.executable, "-c", SCRIPT, "gpu", "status", "--json", str(config)]
        run(command)
        with _beside(config):
            runs = [run(command) for _ in range(count)]
        wall, cpu = median(runs, "wall"), median(runs, "cpu")
        yield f"  gpu status, {PROCESSES} processes {wall * 1000:6.0f} ms (cpu {cpu * 1000:.0f}; at most {MOST_MS})"


@contextlib.contextmanager
def _beside(file: Path) -> Iterator[None]:
    """Processes that hold descriptors of a plain file."""
    opened = [os.open(file, os.O_RDONLY) for _ in range(DESCRIPTORS)]
    sleepers = [subprocess.Popen(["sleep", "600"], pass_fds=opened) for _ in range(PROCESSES)]
    try:
        yield
    finally:
        for sleeper in sleepers:
            sleeper.kill()
            sleeper.wait()
        for descriptor in opened:
            os.close(descriptor)
