"""Runs of the tests, each a fork of one process that has loaded what is not the product's: starting is paid once.

A run imports the product and the tests anew, so that a fault in what a module does while it is loaded is there too.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from lab import CHECKOUT
from optimux.record import Record

if TYPE_CHECKING:
    import pytest

# What most tests load and no fault touches.
_SHARED = (
    "pytest",
    "hypothesis",
    "hypothesis.strategies",
    "lxml.etree",
    "click",
    "click.testing",
    "xdist",
    "pytest_cov",
)
_POLL_SECONDS = 0.01
# Where coverage is asked which test runs a line: while the tests are loaded.
LOADING = "loading"


class Run(Record):
    """How one ended: pytest's exit code, ``None`` where the time was over, and the end of what it printed."""

    code: int | None
    output: str


def load_shared() -> None:
    """Import what every run shares; what is missing is imported by whoever wants it."""
    for name in _SHARED:
        try:
            importlib.import_module(name)
        except ImportError:
            continue


def run(
    arguments: Sequence[str], scratch: Path, *, times: Path, only: dict[str, float] | None, seconds: float | None
) -> Run:
    """Run pytest in a fork, on the package in ``scratch``; ``only`` are the tests and their turn, the lowest first.

    The seconds that each test took are written to ``times``.
    """
    output = scratch / "output"
    child = os.fork()
    if not child:
        become_pytest(arguments, scratch, output, [_Chosen(only, times)])
    return Run(wait(child, seconds), tail(output))


def tail(output: Path) -> str:
    """The end of what was printed."""
    return output.read_text(encoding="utf-8", errors="replace")[-3000:] if output.exists() else ""


def wait(child: int, seconds: float | None) -> int | None:
    """The exit code of a child, which leads a process group; ``None`` where the time was over."""
    end = time.monotonic() + seconds if seconds is not None else None
    while True:
        done, status = os.waitpid(child, os.WNOHANG if end is not None else 0)
        if done:
            return os.waitstatus_to_exitcode(status)
        if end is not None and time.monotonic() > end:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return None
        time.sleep(_POLL_SECONDS)


def become_pytest(arguments: Sequence[str], scratch: Path, output: Path, plugins: Sequence[object]) -> NoReturn:
    """This process is pytest from here on, with the product of ``scratch``; what it prints goes to ``output``."""
    code = 70
    try:
        gc.freeze()  # what is inherited is not this process' garbage: looking through it would also copy it
        os.setsid()
        into = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(into, 1)
        os.dup2(into, 2)
        _forget_the_product(scratch)
        import pytest

        # Nobody reads how a test failed, and telling two long texts apart takes longer than the test.
        options = ["-q", "-p", "no:cacheprovider", "--assert=plain", "--tb=native", f"--rootdir={CHECKOUT}"]
        options.append(f"--basetemp={scratch / 'tmp'}")
        code = int(pytest.main([*options, *arguments], plugins=plugins))
    finally:
        os._exit(code)


def _forget_the_product(scratch: Path) -> None:
    package = str(scratch / "generator")
    os.environ.update({"PYTHONPATH": package, "CI": "true"})
    sys.path.insert(0, package)
    for name in [name for name in sys.modules if name.split(".")[0] in ("optimux", "lab", "tests")]:
        del sys.modules[name]
    importlib.invalidate_caches()


class _Chosen:
    """A plugin: the tests of ``only`` by their turn, and how long each took."""

    def __init__(self, only: dict[str, float] | None, times: Path) -> None:
        self._only, self._times = only, times
        self._seconds: dict[str, float] = {}

    def pytest_collection(self) -> None:
        if (coverage := sys.modules.get("coverage")) is not None and (measured := coverage.Coverage.current()):
            measured.switch_context(LOADING)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        if self._only is not None:
            turns = self._only
            items[:] = sorted((item for item in items if item.nodeid in turns), key=lambda item: turns[item.nodeid])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._seconds[report.nodeid] = self._seconds.get(report.nodeid, 0.0) + report.duration

    def pytest_sessionfinish(self) -> None:
        self._times.write_text(json.dumps(self._seconds), encoding="utf-8")
