"""What ``generate`` imports, and what each module costs."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.generate import EXAMPLE

_LINE = re.compile(r"import time:\s+(\d+) \|\s+(\d+) \| +(\S+)")


def report(count: int) -> Iterator[str]:
    """The dearest modules by their own time, medians would hide nothing here: the minimum of several runs."""
    seen: dict[str, int] = {}
    for _ in range(count):
        for name, own in _times().items():
            seen[name] = min(own, seen.get(name, own))
    ours = sum(own for name, own in seen.items() if name.split(".")[0] == "optimux")
    yield f"import time, own microseconds, minimum of {count}: {sum(seen.values())} in all, {ours} in optimux"
    for name, own in sorted(seen.items(), key=lambda item: -item[1])[:12]:
        yield f"  {own:6} {name}"


def _times() -> dict[str, int]:
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-X", "importtime", "-c", "from optimux.cli import main; main()"]
        command += ["generate", str(EXAMPLE), "-o", str(Path(scratch, "out"))]
        result = subprocess.run(command, capture_output=True, text=True, check=True)
    return {match[3]: int(match[1]) for match in _LINE.finditer(result.stderr)}
