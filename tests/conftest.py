"""Options of the tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from optimux.errors import Problem
from optimux.host.doctor.check import Result
from optimux.judge.finding import BROKEN, HOLDS, Finding

if TYPE_CHECKING:
    from collections.abc import Callable

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
