"""What the laboratory gives to every test, seen by a run of pytest of its own."""

from __future__ import annotations

import itertools
import subprocess
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from lab import CHECKOUT
from lab.plugin import LONG_GROUPS, groups_of, pytest_collection

if TYPE_CHECKING:
    from pathlib import Path

TESTS = """
import gc
import signal
import pytest
from lab.errors import Unavailable

@pytest.fixture(scope="module")
def consumer():
    raise Unavailable("no such program")

def test_fixture(consumer): ...
def test_again(consumer): ...
def test_call(): raise Unavailable("nor this one")
def test_other(): raise RuntimeError("a fault")

@pytest.mark.parametrize("text", ["x" * 10_000, "x" * 10_001, b"\\xff" * 100, "short"])
def test_named(text): ...

def test_that_runs_the_command(): gc.disable()
def test_after_it(): assert gc.isenabled()

def test_signals():
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    folder: Path = tmp_path_factory.mktemp("plugin")
    (folder / "test_it.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-v", "-rs", "-p", "no:xdist", "-p", "no:cacheprovider"]
    command += ["-p", "lab.plugin", "--strict-markers", f"--rootdir={folder}", str(folder)]
    # As a shell starts what a script puts into the background.
    ignoring = ["sh", "-c", 'trap "" INT QUIT; exec "$@"', "sh", *command]
    return subprocess.run(ignoring, cwd=CHECKOUT, capture_output=True, text=True, timeout=120, check=False)


def test_what_cannot_be_had_is_skipped_with_its_reason(ran: subprocess.CompletedProcess[str]) -> None:
    assert "SKIPPED [2]" in ran.stdout
    assert "no such program" in ran.stdout
    assert "nor this one" in ran.stdout


def test_twin_a_fault_is_no_skip(ran: subprocess.CompletedProcess[str]) -> None:
    assert ran.returncode == 1
    assert "test_it.py::test_other FAILED" in ran.stdout
    assert "1 failed" in ran.stdout


def test_names_are_short(ran: subprocess.CompletedProcess[str]) -> None:
    names = [line.split()[0].partition("::")[2] for line in ran.stdout.splitlines() if "::test_named[" in line]
    assert len(set(names)) == 4
    assert max(map(len, names)) < 60
    assert names[-1].endswith("[short]")


def test_the_long_ones_begin_first() -> None:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:xdist", "-p", "no:cacheprovider"]
    run = subprocess.run([*command, "vm-tests", "tests/nix/test_cost.py"], cwd=CHECKOUT, capture_output=True, text=True)
    files = list(dict.fromkeys(line.partition("::")[0] for line in run.stdout.splitlines() if "::" in line))
    assert files[0] == "vm-tests/test_nixos.py"
    assert files[-1] == "tests/nix/test_cost.py"


def test_each_worker_loads_another_part_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that cannot be loaded is left to the collection; alone, a process loads nothing before it collects."""
    (tmp_path / "loaded_early").mkdir()
    for name, text in (("__init__", ""), ("test_a", ""), ("test_b", "1 / 0"), ("test_c", ""), ("test_d", "")):
        (tmp_path / "loaded_early" / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)

    def loaded(**of_xdist: object) -> list[str]:
        config = SimpleNamespace(rootpath=tmp_path, args=["loaded_early", "elsewhere"], **of_xdist)
        pytest_collection(SimpleNamespace(config=config))  # type: ignore[arg-type]  # all that is looked at
        return [name[-1] for name in [*sys.modules] if name.startswith("loaded_early.") and sys.modules.pop(name)]

    assert loaded() == []
    assert loaded(workerinput={"workerid": "gw0", "workercount": 2}) == ["a", "c", "d"]
    assert loaded(workerinput={"workerid": "gw1", "workercount": 2}) == ["c", "d", "a"]


def test_a_command_within_a_test_leaves_the_search_for_garbage_on(ran: subprocess.CompletedProcess[str]) -> None:
    assert "test_it.py::test_after_it PASSED" in ran.stdout


def test_signals_are_the_tests_own(ran: subprocess.CompletedProcess[str]) -> None:
    assert "test_signals PASSED" in ran.stdout


def test_what_begins_first_is_there(request: pytest.FixtureRequest) -> None:
    """A group that was renamed would begin last, and one worker would do it while the others wait."""
    options = request.config.option
    if options.file_or_dir or options.keyword or options.markexpr:
        pytest.skip("a part of the tests has not all groups")
    assert set(LONG_GROUPS) <= {name for item in request.session.items for name in groups_of(item)}


class Worker:
    """What a scheduler sees of one: the numbers of the tests that it was sent."""

    def __init__(self) -> None:
        self.sent: list[int] = []
        self.shutting_down = False
        self.gateway = SimpleNamespace(id="a worker")

    def send_runtest_some(self, numbers: list[int]) -> None:
        self.sent += numbers

    def shutdown(self) -> None:
        self.shutting_down = True


def sent(kind: Any, tests: list[str]) -> tuple[list[list[int]], Any]:
    """What each of two workers was sent until all was done, the first three times as quick, and the scheduler."""
    options = SimpleNamespace(loadscopereorder=False)
    scheduling = kind(SimpleNamespace(getvalue=lambda name: ["popen", "popen"], option=options))
    workers = [Worker(), Worker()]
    for worker in workers:
        scheduling.add_node(worker)
    for worker in workers:
        scheduling.add_node_collection(worker, tests)
    scheduling.schedule()
    done = [0, 0]
    for turn in itertools.count():
        number = int(turn % 4 == 3)
        if done[number] < len(workers[number].sent):
            scheduling.mark_test_complete(workers[number], workers[number].sent[done[number]])
            done[number] += 1
        elif all(count == len(worker.sent) for count, worker in zip(done, workers, strict=True)):
            return [worker.sent for worker in workers], scheduling
    raise AssertionError("endless")


def test_work_is_given_as_xdist_gives_it_and_not_counted_for_ever() -> None:
    scheduler = pytest.importorskip("xdist.scheduler")
    from lab.scheduler import Scheduling

    tests = [f"a.py::test[{number}]" + "@group" * (20 <= number < 50) for number in range(200)]
    theirs, xdists = sent(scheduler.LoadGroupScheduling, tests)
    ours, scheduling = sent(Scheduling, tests)
    assert ours == theirs
    assert sorted(itertools.chain(*ours)) == [*range(200)]
    assert any(set(range(20, 50)) <= set(numbers) for numbers in ours)
    assert scheduling.tests_finished
    assert not scheduling.has_pending
    assert [len(units) for units in scheduling.assigned_work.values()] == [0, 0]
    assert sum(len(units) for units in xdists.assigned_work.values()) == 171, "the twin keeps them all"
