"""Timing whole processes: the operating system's own account of each, medians, ratios pair by pair."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence

from optimux.record import Record


class Run(Record):
    """One finished process: wall and CPU seconds, peak memory in MiB."""

    wall: float
    cpu: float
    peak: float


def run(command: Sequence[str], expected: Sequence[int] = (0,)) -> Run:
    """Run a command, its output thrown away. Raises ``RuntimeError`` when it ends otherwise than ``expected``."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in expected:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def in_turn(ours: Sequence[str], theirs: Sequence[str], count: int) -> tuple[list[Run], list[Run]]:
    """The two commands A B A B …, after one run of each that does not count."""
    run(ours)
    run(theirs)
    pairs = [(run(ours), run(theirs)) for _ in range(count)]
    return [a for a, _ in pairs], [b for _, b in pairs]


def median(runs: Sequence[Run], figure: str) -> float:
    """The median of one figure."""
    return float(statistics.median(getattr(r, figure) for r in runs))


def ratio(ours: Sequence[Run], theirs: Sequence[Run], figure: str) -> float:
    """The median of the ratios pair by pair: what drifts during the run drifts in both."""
    pairs = zip(ours, theirs, strict=True)
    return float(statistics.median(getattr(a, figure) / getattr(b, figure) for a, b in pairs))


def best_of(action: Callable[[], object], count: int) -> float:
    """The fastest of several calls inside this process, in seconds: the one that was disturbed least."""
    times = []
    for _ in range(count):
        started = time.perf_counter()
        action()
        times.append(time.perf_counter() - started)
    return min(times)
