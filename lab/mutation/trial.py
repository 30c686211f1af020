"""Which tests reach a line, and whether they notice a fault in it."""

from __future__ import annotations

import json
import math
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lab import CHECKOUT
from lab.mutation.runner import LOADING, Run, load_shared, run
from lab.mutation.server import Fault, Server
from optimux.record import Record

if TYPE_CHECKING:
    from typing import Self

    from lab.mutation.mutants import Mutant

PACKAGE = CHECKOUT / "generator"
# A fault may make a loop endless. What the tests take is known with coverage and on a machine that may be busier now.
_PATIENCE, _LEAST_SECONDS = 4.0, 30.0
_OWN_FIRST = 10  # turns, of which there are fewer
Place = tuple[str, int]


class Reach(Record):
    """The tests that ran each line, and the seconds that each test takes.

    A line that runs in a process of its own has no test by name. One that runs while the tests are loaded has
    ``LOADING`` among them: what it made there any test may see.
    """

    tests: dict[Place, frozenset[str]]
    seconds: dict[str, float]

    def of(self, name: str, line: int) -> dict[str, float]:
        """The tests for a fault there, each with its turn, the lowest first.

        Those of the line; where it has none, or is run while the tests are loaded, all, the line's or the file's own
        before the others: whoever reads a constant or a table need not run a line of its module.
        """
        known = self.tests.get((name, line), frozenset())
        if known and LOADING not in known:
            return {test: _turn(self.seconds.get(test, 0.0)) for test in known}
        own = (known - {LOADING}) or self._of_file(name)
        return {test: _turn(seconds) - (_OWN_FIRST if test in own else 0) for test, seconds in self.seconds.items()}

    def _of_file(self, name: str) -> frozenset[str]:
        return frozenset().union(*(tests for (file, _), tests in self.tests.items() if file == name))


class Trials:
    """A copy of the product that faults are put into. Use as a context manager."""

    def __init__(self, selection: Sequence[str]) -> None:
        self._selection = list(selection)

    def __enter__(self) -> Self:
        self._scratch = Path(tempfile.mkdtemp(prefix="optimux-mutate-"))
        shutil.copytree(
            PACKAGE, self._scratch / "generator", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
        )
        load_shared()
        self._server: Server | None = None
        return self

    def __exit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.stop()
        shutil.rmtree(self._scratch)

    def reach(self) -> Reach:
        """Run the selection once without a fault. Raises ``RuntimeError`` where a test fails by itself."""
        data, times = self._scratch / "coverage", self._scratch / "times"
        options = [
            f"--cov={self._scratch / 'generator' / 'optimux'}",
            "--cov-context=test",
            "--cov-report=",
            f"--cov-config={self._configuration(data)}",
        ]
        done = self._pytest([*options, *self._selection], None, None)
        if done.code:
            raise RuntimeError(f"the tests fail without a fault:\n{done.output}")
        return Reach(self._read(data), json.loads(times.read_text(encoding="utf-8")))

    def _configuration(self, data: Path) -> Path:
        """The project's own, with the data where nobody else's lie."""
        file = self._scratch / "coveragerc"
        file.write_text(f"[run]\nparallel = true\npatch = subprocess\ndata_file = {data}\n", encoding="utf-8")
        return file

    def _read(self, data: Path) -> dict[Place, frozenset[str]]:
        from coverage import CoverageData

        measured = CoverageData(basename=str(data))
        measured.read()
        found: dict[Place, frozenset[str]] = {}
        for file in measured.measured_files():
            name = str(Path(file).relative_to(self._scratch))
            for line, contexts in measured.contexts_by_lineno(file).items():
                found[name, line] = frozenset({context.partition("|")[0] for context in contexts} - {""})
        return found

    def notice(self, mutant: Mutant, reach: Reach) -> bool:
        """Whether some test fails, or does not end, with the fault."""
        name = str(mutant.path.relative_to(CHECKOUT))
        tests = reach.of(name, mutant.line)
        target = self._scratch / name
        whole = target.read_text(encoding="utf-8")
        usual = sum(reach.seconds.get(test, 0.0) for test in tests)
        seconds = _LEAST_SECONDS + _PATIENCE * usual
        if self._server is None:
            self._server = Server(self._selection, self._scratch)
        self._write(target, mutant.source)
        try:
            fault = Fault(str(target), whole, mutant.source, sorted(tests, key=tests.__getitem__), seconds)
            # Whoever loads the faulty module anew sees it all: what was computed while the tests were loaded too.
            return self._server.notice(fault) or self._pytest(["-x", *sorted(_files(tests))], tests, seconds).code != 0
        finally:
            self._write(target, whole)

    def _write(self, target: Path, text: str) -> None:
        """What is compiled of a text of the same length in the same second would pass for this one."""
        target.write_text(text, encoding="utf-8")
        for compiled in (target.parent / "__pycache__").glob(f"{target.stem}.*.pyc"):
            compiled.unlink()

    def _pytest(self, arguments: Sequence[str], only: dict[str, float] | None, seconds: float | None) -> Run:
        return run(arguments, self._scratch, times=self._scratch / "times", only=only, seconds=seconds)


def _files(tests: Iterable[str]) -> set[str]:
    return {test.partition("::")[0] for test in tests}


def _turn(seconds: float) -> float:
    """Those that take equally long, roughly, keep their order, so that what they share is made once."""
    return float(math.floor(math.log10(max(seconds, 0.01))))
