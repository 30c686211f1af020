"""Options of the tests."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from optimux.errors import Problem
from optimux.host.doctor.check import Result
from optimux.judge.finding import BROKEN, HOLDS, Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from optimux.record import Record


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the expected files of the golden cases")
    parser.addoption("--every-input", action="store_true", help="start all of libvirt's inputs, not a sample of them")


@pytest.fixture(autouse=True)
def nothing_unsaid(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a test is about: no complaint, finding or result is made in it that leaves a part of itself empty."""

    def checked(record: type[Record], needed: Callable[[Any], tuple[str, ...]]) -> None:
        def check(self: Any) -> None:
            empty = [field for field in needed(self) if not getattr(self, field).strip()]
            assert not empty, f"{self!r} says nothing of {empty}"

        monkeypatch.setattr(record, "__post_init__", check)

    checked(Problem, lambda problem: ("found", "allowed", "remedy"))
    checked(Finding, lambda finding: ("key", "found", "wanted", *(() if finding.outcome == HOLDS else ("remedy",))))
    checked(Result, lambda result: ("seen", *(("where", "remedy") if result.outcome == BROKEN else ())))


@pytest.fixture(scope="session")
def update_golden(pytestconfig: pytest.Config) -> bool:
    """Whether golden files are to be written, not compared."""
    return bool(pytestconfig.getoption("--update-golden"))


# The tests' folders lie here: what is synced, thousands of times, is not waited for until a disk has it.
_MEMORY = Path("/dev/shm")
_ENOUGH = 1 << 30  # they hold a tenth of it at once
_PREFIX = "optimux-tests-"
_LEFT_SECONDS = 24 * 3600


@pytest.fixture(scope="session")
def tmpfs() -> Path | None:
    """A folder in memory with room for the tests' files, or ``None`` where there is none."""
    there = os.path.ismount(_MEMORY) and os.access(_MEMORY, os.W_OK | os.X_OK)
    there = there and not os.statvfs(_MEMORY).f_flag & os.ST_NOEXEC  # as in containers; tests run what they write
    return _MEMORY if there and shutil.disk_usage(_MEMORY).free >= _ENOUGH else None


@pytest.fixture(scope="session")
def tmp_path_factory(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, tmpfs: Path | None
) -> Iterator[pytest.TempPathFactory]:
    """Makes folders in memory, which are kept where a test failed; on the disk where ``--basetemp`` names a folder.

    The VM tests' folders, with images of machines, stay on the disk.
    """
    is_worker = hasattr(request.config, "workerinput")  # whose --basetemp is xdist's
    if tmpfs is None or (request.config.getoption("basetemp") and not is_worker):
        yield tmp_path_factory
        return
    for left in tmpfs.glob(f"{_PREFIX}*"):  # by a run that failed, or was killed
        if left.stat().st_mtime < time.time() - _LEFT_SECONDS:
            shutil.rmtree(left, ignore_errors=True)
    base = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=tmpfs))
    made = pytest.TempPathFactory(base / "tmp", 3, "failed", lambda *words: None, _ispytest=True)
    yield made
    if not request.session.testsfailed:
        shutil.rmtree(base, ignore_errors=True)
