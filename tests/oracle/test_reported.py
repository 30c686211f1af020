"""Domains as people report them: what started starts, and is the planned machine; nothing is lost in silence."""

from __future__ import annotations

import pytest

from optimux.patch import Patched, patch_domain
from tests.oracle.engine import Job, Oracle, Outcome
from tests.oracle.reported import BRIDGED, KINDS, Reported
from tests.patch.accounted import unaccounted
from tests.patch.plans import plan

CASES = {f"{kind}, {number}": case for kind, cases in KINDS.items() for number, case in enumerate(cases, 1)}


def patched(case: Reported) -> Patched:
    return patch_domain(case.document, plan(**case.config), read_table=case.tables.get)


@pytest.mark.parametrize("name", CASES)
def test_the_text(name: str) -> None:
    case = CASES[name]
    found = patched(case)
    after, said = found.document.decode(), "\n".join(map(str, (*found.changes, *found.left, *found.unpatched)))
    assert [words for words in case.there if words not in after] == []
    assert [words for words in case.gone if words in after] == []
    assert [words for words in case.said if words not in said] == []
    assert unaccounted(case.document, found.document, [str(change) for change in found.changes]) == []
    again = patch_domain(found.document, plan(**case.config), read_table=case.tables.get)
    assert (again.document, again.changes) == (found.document, ())


def wrong(case: Reported, before: Outcome, after: Outcome) -> list[str]:
    """Lines on one case."""
    lines = [line for line in (after.fault, *after.failed) if line and not (case.elsewhere and case.elsewhere in line)]
    if bool(before.fault) != bool(case.fault) or case.fault not in before.fault:
        lines.append(f"before the patch: {before.fault or 'it starts'}")
    if case.elsewhere and not any(case.elsewhere in line for line in after.failed):
        lines.append(f"it is no longer elsewhere: {case.elsewhere}")
    return lines


def test_the_machines(oracle: Oracle, capsys: pytest.CaptureFixture[str]) -> None:
    before = oracle.outcomes([Job(case.document, tables=case.tables) for case in CASES.values()])
    after = oracle.outcomes([Job(patched(case).document, plan(**case.config), case.tables) for case in CASES.values()])
    checks = sum(len(outcome.checks) for outcome in after)
    with capsys.disabled():
        print(f"\n{len(CASES)} domains before and after their patch: {checks} checks")
    found = [
        f"{name}: {line}"
        for (name, case), old, new in zip(CASES.items(), before, after, strict=True)
        for line in wrong(case, old, new)
    ]
    assert "\n".join(found) == ""
    assert checks > 3 * len(CASES)


def test_a_bridge_of_libvirts_takes_a_bus_before_the_patch(oracle: Oracle) -> None:
    outcomes = oracle.outcomes([Job(case.document, plan(**case.config)) for case in KINDS[BRIDGED]])
    said = ["\n".join(outcome.failed) for outcome in outcomes]
    assert [words for words in said if ": the guest has it at 0000:06:00.0" not in words] == []
