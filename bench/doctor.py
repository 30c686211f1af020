"""A cold ``doctor`` over a recorded tree of 60 functions, over this machine, and beside a libvirtd that has its VM."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bench.detect import FUNCTIONS, SCRIPT, recorded_tree
from bench.measure import median, run
from lab import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CONFIG = CHECKOUT / "examples" / "omen-17.toml"
MOST_MS, MOST_MIB = 400, 60
MOST_MS_LIBVIRT = 900


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
            yield _line(name, [sys.executable, "-c", SCRIPT, "doctor", str(CONFIG), *options], count, MOST_MS)
    yield from _beside_libvirt(count)


def _line(name: str, command: Sequence[str], count: int, most: int) -> str:
    run(command, (0, 1))
    runs = [run(command, (0, 1)) for _ in range(count)]
    wall, cpu, peak = (median(runs, figure) for figure in ("wall", "cpu", "peak"))
    return (
        f"  {name:24} {wall * 1000:6.0f} ms (cpu {cpu * 1000:.0f}; at most {most}) {peak:5.1f} MiB (at most {MOST_MIB})"
    )


def _beside_libvirt(count: int) -> Iterator[str]:
    """In a Debian root, whose Python and libvirt binding it is; entering the root counts as well."""
    from lab.consumers import roots
    from lab.consumers.libvirtd import Libvirtd
    from lab.errors import Refused, Unavailable

    config, code = "/tmp/optimux.toml", "/opt/optimux"
    try:
        with roots.trixie_root().session({CHECKOUT / "generator": "/opt/generator"}) as session, Libvirtd(session):
            session.put(config, CONFIG.read_bytes())
            # Compiled once, as an installed package is.
            session.run(["sh", "-c", f"cp -r /opt/generator {code} && python3 -m compileall -q {code}"], timeout=300)
            command = [*session.entering(), "env", f"PYTHONPATH={code}", "python3", "-m", "optimux"]
            run([*command, "define", config, "--yes"])
            # The picture takes rich, which the root lacks.
            yield _line("doctor --json, libvirt", [*command, "doctor", config, "--json"], count, MOST_MS_LIBVIRT)
    except (Unavailable, Refused) as reason:
        yield f"  doctor --json, libvirt: {reason}"
