"""Every generated domain becomes, by libvirt and QEMU, the planned machine."""

from __future__ import annotations

from typing import Any

import pytest

from optimux.emit.bundle import domain_artifacts
from optimux.plan.model import DomainPlan
from optimux.plan.resolve import plan_from
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


def _made(**pci: Any) -> DomainPlan:
    card = {"functions": [{"address": "0000:01:00.0", "id": "10de:249d"}]}
    devices = {"disks": [{"source": "/a.qcow2"}, {"source": "/b.qcow2"}], "networks": [{}, {}], "memballoon": True}
    tables = {"host": {"distribution": "debian", "cpuVendor": "intel"}, "gpus": {"card": card}}
    glass = {"memory": "shm", "user": "me", "displays": [{"width": 1920, "height": 1080}]}
    vms = {"win": {"memory": "1GiB", "gpu": "card", "pci": pci, **devices}}
    return plan_from({**tables, "lookingGlass": glass, "vms": vms}).domains[0]


def test_the_card_keeps_its_bus_wherever_the_ports_are(oracle: Oracle) -> None:
    """libvirt's own ports fill free slots from below, and a port before the card's takes its number."""
    stated = ({"firstRootPort": "0000:00:10.0"}, {"firstRootPort": "0000:00:02.0", "gpu": "0000:03:00.0"})
    plans = [_made(**pci) for pci in stated]
    outcomes = oracle.outcomes([Job(xml_of(plan), plan) for plan in plans])
    assert [(outcome.fault, outcome.failed) for outcome in outcomes] == [("", []), ("", [])]
    few = plans[0].replace(root_ports=plans[0].root_ports[:1])
    (outcome,) = oracle.outcomes([Job(xml_of(few), few)])
    assert [said.partition(": ")[2][:17] for said in outcome.failed] == ["the guest has it "]
