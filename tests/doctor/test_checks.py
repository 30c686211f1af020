"""Every check holds on a machine that works, and is broken, for the stated reason, on one that does not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from optimux.facts.detect.tools import FILES
from optimux.host.doctor import BROKEN, HOLDS, UNSEEN, checks
from optimux.host.doctor.known import known
from tests.doctor import cases
from tests.doctor.machine import IMAGE, report, results_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.doctor.machine import Members

CHECKS = {check.key: check for check in checks()}
TWINS = [
    pytest.param(key, case, id=f"{key}-{number}")
    for key, found in cases.BROKEN.items()
    for number, case in enumerate(found)
]


def test_every_check_has_both_twins() -> None:
    assert set(CHECKS) == set(cases.BROKEN)
    assert set(cases.HOLDS) | set(cases.UNSEEN) <= set(CHECKS)


def test_no_key_stands_twice() -> None:
    assert len(CHECKS) == len(checks())


def test_everything_holds_on_a_machine_that_works(tmp_path: Path) -> None:
    found = report(tmp_path)
    assert [(result.key, result.seen) for result in (*found.broken, *found.unseen)] == []


@pytest.mark.parametrize("key", CHECKS)
def test_holds(key: str, tmp_path: Path) -> None:
    changes, edits = cases.HOLDS.get(key, ({}, ()))
    results = results_of(CHECKS[key], tmp_path, changes, edits)
    assert {result.outcome for result in results} == {HOLDS}, results


@pytest.mark.parametrize(("key", "case"), TWINS)
def test_broken(key: str, case: cases.Case, tmp_path: Path) -> None:
    changes, edits, said = case
    found = [r for r in results_of(CHECKS[key], tmp_path, changes, edits) if r.outcome == BROKEN]
    assert found
    assert said in found[0].seen
    assert found[0].where
    assert found[0].remedy


@pytest.mark.parametrize("key", cases.UNSEEN)
def test_unseen(key: str, tmp_path: Path) -> None:
    changes, edits, said = cases.UNSEEN[key]
    results = results_of(CHECKS[key], tmp_path, changes, edits)
    assert [result.outcome for result in results] == [UNSEEN]
    assert said in results[0].seen


# A machine on which nothing is there that a check could look at.
ELSEWHERE: Members = {cases.GPU: None, cases.SOUND: None, IMAGE: None}
OF_THE_CARD = ("card.", "driver.", "power.", "reset.", "initramfs.content", "iommu.given", "iommu.group")


def test_nothing_holds_of_what_is_not_there(tmp_path: Path) -> None:
    """A card that is missing is said to be; no check is content with having seen none of it."""
    found = report(tmp_path, ELSEWHERE)
    content = [result for result in found.having(HOLDS) if result.key.startswith(OF_THE_CARD)]
    of_the_log = [result for result in content if result.where == cases.DMESG]
    assert [result.key for result in content if result not in of_the_log] == []
    assert {result.key for result in found.broken} >= {"plan.fits", "iommu.given"}


def test_every_tool_that_is_known_lets_go() -> None:
    assert {tool for tool, _ in FILES} <= set(known()["letGo"])


def test_what_is_known_has_a_pattern_that_compiles() -> None:
    for entry in (*known()["harmless"], *known()["causes"]):
        assert re.compile(entry["pattern"])


@pytest.mark.parametrize(
    ("card", "family"),
    [("67df", "Polaris"), ("687f", "Vega"), ("731f", "Navi 10, 12 or 14"), ("73bf", None), ("7550", None)],
)
def test_families_that_do_not_reset(card: str, family: str | None, tmp_path: Path) -> None:
    """RX 580, Vega 64, RX 5700 XT; not RX 6800 XT, nor RX 9070."""
    changes: Members = {f"{cases.CARD}/vendor": "0x1002\n", f"{cases.CARD}/device": f"0x{card}\n"}
    (result,) = results_of(CHECKS["reset.method"], tmp_path, changes, [("10de:2520", f"1002:{card}")])
    assert (result.outcome == BROKEN) == (family is not None)
    assert family is None or family in result.seen
