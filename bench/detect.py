"""A cold ``detect --json`` and ``init --yes`` over a recorded tree of 60 functions, and over this machine."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.measure import median, run

FUNCTIONS = 60
MOST_MS = {"detect": 150, "init": 250}
MOST_MIB = 40
SCRIPT = "import sys; from optimux.cli import main; main(sys.argv[1:])"


def report(count: int) -> Iterator[str]:
    """Lines for a reader: milliseconds and peak memory beside what is allowed."""
    with tempfile.TemporaryDirectory() as scratch:
        tree = recorded_tree(Path(scratch, "tree"))
        out = str(Path(scratch, "out.toml"))
        init = ["init", "--yes", "--anyway", "--force", "-o", out]
        lines = {
            f"detect, {FUNCTIONS} functions": (["detect", "--json", "--root", str(tree)], MOST_MS["detect"]),
            "detect, this machine": (["detect", "--json"], MOST_MS["detect"]),
            f"init, {FUNCTIONS} functions": ([*init, "--root", str(tree)], MOST_MS["init"]),
            "init, this machine": (init, MOST_MS["init"]),
        }
        for name, (arguments, most) in lines.items():
            command = [sys.executable, "-c", SCRIPT, *arguments]
            run(command)
            runs = [run(command) for _ in range(count)]
            wall, cpu, peak = (median(runs, figure) for figure in ("wall", "cpu", "peak"))
            yield (
                f"  {name:24} {wall * 1000:6.0f} ms (cpu {cpu * 1000:.0f}; at most {most}) {peak:5.1f} MiB "
                f"(at most {MOST_MIB})"
            )


def recorded_tree(root: Path) -> Path:
    """Sixty functions with what sysfs has of each."""
    for number in range(FUNCTIONS):
        display = number == 1
        place = root / f"sys/bus/pci/devices/0000:{number:02x}:00.0"
        (place / "power").mkdir(parents=True)
        files = {
            "vendor": "0x10de" if display else "0x8086",
            "device": "0x249d" if display else f"0x{0x1000 + number:04x}",
            "class": "0x030000" if display else "0x060400",
            "subsystem_vendor": "0x103c",
            "subsystem_device": "0x88d1",
            "power_state": "D0",
            "d3cold_allowed": "1",
            "numa_node": "-1",
            "driver_override": "(null)",
            "reset_method": "flr bus",
            "resource": "0x0 0x0 0x0\n" * 7,
            "power/runtime_status": "active",
            "config": "\0" * 64,
        }
        for name, content in files.items():
            (place / name).write_text(f"{content}\n", encoding="utf-8")
        group = root / f"sys/kernel/iommu_groups/{number}"
        group.mkdir(parents=True)
        (place / "iommu_group").symlink_to(f"../../../../kernel/iommu_groups/{number}")
    return root
