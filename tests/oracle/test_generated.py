"""Every generated domain becomes, by libvirt and QEMU, the planned machine."""

from __future__ import annotations

import pytest

from optimux.emit.bundle import domain_artifacts
from optimux.plan.model import DomainPlan
from tests.golden_cases import CASES
from tests.oracle.engine import Job, Oracle

GENERATED = {f"{case.name} {plan.key}": plan for case in CASES for plan in case.plan().domains}


def xml_of(plan: DomainPlan) -> bytes:
    return next(each.content for each in domain_artifacts(plan) if each.path == f"domains/{plan.key}.xml")


def test_each_is_the_planned_machine(oracle: Oracle, capsys: pytest.CaptureFixture[str]) -> None:
    found = dict(zip(GENERATED, oracle.outcomes([Job(xml_of(plan), plan) for plan in GENERATED.values()]), strict=True))
    checks = sum(len(outcome.checks) for outcome in found.values())
    with capsys.disabled():
        print(f"\n{len(found)} generated domains started and booted: {checks} checks")
    assert {name: outcome.fault for name, outcome in found.items() if outcome.fault} == {}
    failed = {name: outcome.failed for name, outcome in found.items() if outcome.failed}
    assert failed == {}
    assert checks > 4 * len(found)
