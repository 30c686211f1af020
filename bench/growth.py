"""What the worst configurations cost, up to the longest that is read: seconds and memory of whole processes."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench.measure import Run, run
from lab.hostile import JSON, OPTIONS, TOML, document
from optimux.declare.kind import MOST
from optimux.files.documents import MOST_TOML
from optimux.files.read import LIMIT
from optimux.options.model import Options

STEPS = (4, 2, 1)
_FULL = {"VMs": Options.by_key["vms"].kind.most}  # type: ignore[attr-defined] # a map's


def report(count: int) -> Iterator[str]:
    """CPU seconds and peak memory at a quarter, a half and the whole of what is taken; ``count`` makes no difference,
    as each is run once.
    """
    yield "the worst configurations, at a quarter, a half and the whole of what is read: CPU s, MiB"
    with tempfile.TemporaryDirectory() as scratch:
        for name, texts in _texts().items():
            runs = [_run(Path(scratch), name, text) for text in texts]
            yield f"  {name:40}" + "".join(f"{r.cpu:8.2f} {r.peak:6.0f}" for r in runs)


def _texts() -> dict[str, Iterator[str]]:
    shapes: dict[str, Iterator[str]] = {}
    for ending, documents, limit in (("toml", TOML, MOST_TOML), ("json", JSON, LIMIT)):
        for name, make in documents.items():
            shapes[f"{name}.{ending}"] = _lengths(make, limit)
    for name, entries in OPTIONS.items():
        most = next((full for word, full in _FULL.items() if name.startswith(word)), MOST)
        shapes[f"{name} ({most}).json"] = _counts(entries, most)
    return shapes


def _lengths(make: Callable[[int], str], limit: int) -> Iterator[str]:
    yield from (make(limit // step - 200) for step in STEPS)


def _counts(entries: Callable[[int], dict[str, Any]], most: int) -> Iterator[str]:
    yield from (document(entries(most // step)) for step in STEPS)


def _run(scratch: Path, name: str, text: str) -> Run:
    config = scratch / f"config.{name.rpartition('.')[2]}"
    config.write_text(text, encoding="utf-8")
    script = "from optimux.cli import main; main()"
    with tempfile.TemporaryDirectory() as folder:
        return run([sys.executable, "-c", script, "generate", str(config), "-o", f"{folder}/out"], expected=(0, 2))
