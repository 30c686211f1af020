"""Which tests reach a line, and whether they notice a fault in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lab import CHECKOUT
from optimux.record import Record

if TYPE_CHECKING:
    from typing import Self

    from lab.mutation.mutants import Mutant

PACKAGE = CHECKOUT / "generator"
# A fault may make a loop endless.
_PATIENCE, _LEAST_SECONDS = 5.0, 60.0


class Reach(Record):
    """The tests that ran each line, by ``(file, line)``; what ran while a module was loaded is every test's."""

    tests: dict[tuple[str, int], tuple[str, ...]]
    seconds: float


class Trials:
    """A copy of the product that faults are put into. Use as a context manager."""

    def __init__(self, selection: Sequence[str]) -> None:
        self._selection = list(selection)

    def __enter__(self) -> Self:
        self._scratch = Path(tempfile.mkdtemp(prefix="optimux-mutate-"))
        shutil.copytree(
            PACKAGE, self._scratch / "generator", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
        )
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._scratch)

    def reach(self) -> Reach:
        """Run the selection once without a fault. Raises ``RuntimeError`` where a test fails by itself."""
        data = self._scratch / "coverage"
        started = time.monotonic()
        options = [f"--cov={self._scratch / 'generator' / 'optimux'}", "--cov-context=test", "--cov-report="]
        done = self._pytest([*options, *self._selection], None, {"COVERAGE_FILE": str(data)})
        seconds = time.monotonic() - started
        if done is None or done.returncode:
            raise RuntimeError(f"the tests fail without a fault:\n{done.stdout[-2000:] if done else ''}")
        return Reach(self._read(data), seconds)

    def _read(self, data: Path) -> dict[tuple[str, int], tuple[str, ...]]:
        from coverage import CoverageData

        measured = CoverageData(basename=str(data))
        measured.read()
        found: dict[tuple[str, int], tuple[str, ...]] = {}
        for file in measured.measured_files():
            name = str(Path(file).relative_to(self._scratch))
            for line, contexts in measured.contexts_by_lineno(file).items():
                found[name, line] = tuple(sorted({context.partition("|")[0] for context in contexts} - {""}))
        return found

    def notice(self, mutant: Mutant, reach: Reach) -> bool:
        """Whether some test fails, or does not end, with the fault."""
        name = str(mutant.path.relative_to(CHECKOUT))
        tests = reach.tests.get((name, mutant.line), ())
        target = self._scratch / name
        whole = target.read_text(encoding="utf-8")
        target.write_text(mutant.source, encoding="utf-8")
        try:
            done = self._pytest(["-x", *(tests or self._selection)], max(_LEAST_SECONDS, _PATIENCE * reach.seconds), {})
        finally:
            target.write_text(whole, encoding="utf-8")
        return done is None or done.returncode != 0

    def _pytest(
        self, arguments: Sequence[str], seconds: float | None, variables: dict[str, str]
    ) -> subprocess.CompletedProcess[str] | None:
        """``None`` where the time is over."""
        command = [sys.executable, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
        path = {"PYTHONPATH": str(self._scratch / "generator"), "CI": "true"}
        try:
            return subprocess.run(
                command,
                cwd=CHECKOUT,
                env={**os.environ, **path, **variables},
                capture_output=True,
                text=True,
                stdin=subprocess.DEVNULL,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return None
