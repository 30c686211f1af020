"""What started before ``patch`` starts after it, and is then the planned machine."""

from __future__ import annotations

import random
import re

import pytest

from lab.documents import WILD
from lab.errors import Unavailable
from optimux.errors import InvalidInput
from optimux.patch import Patched, patch_domain
from optimux.plan.model import DomainPlan
from tests.golden_cases import case
from tests.oracle.engine import Job, Oracle, Outcome
from tests.patch.corpus import libvirt_inputs

PLANS = ("omen-17", "idd-shm", "omen-17-2023", "every-device")
SAMPLE = 24
_Q35 = re.compile(rb"<type[^>]*\bmachine=['\"](pc-)?q35")
_OTHER = re.compile(rb"<type[^>]*\barch=['\"](?!x86_64|i686)")
# What the patch says where a bridge of the domain's own has the planned bus, and what is behind it stays.
_ELSEWHERE = re.compile(r"has it; the GPU goes to bus ([0-9a-f]{2})")


def plan_of(name: str) -> DomainPlan:
    return case(name).plan().domains[0]


def patched(document: bytes, plan: DomainPlan) -> Patched | None:
    try:
        return patch_domain(document, plan)
    except InvalidInput:
        return None


def elsewhere(found: Patched) -> str:
    """The bus that the patch itself says the card goes to, where something of the user's keeps the planned one."""
    said = (_ELSEWHERE.search(str(left)) for left in found.left)
    return next((match[1] for match in said if match), "")


def faults(name: str, documents: dict[str, bytes], oracle: Oracle) -> tuple[list[str], list[Outcome]]:
    """What is wrong after the patch; and every outcome."""
    plan = plan_of(name)
    after = {key: changed for key, document in documents.items() if (changed := patched(document, plan))}
    jobs = [Job(each.document, plan) for each in after.values()]
    outcomes = dict(zip(after, oracle.outcomes(jobs), strict=True))
    found = []
    for key, outcome in outcomes.items():
        bus = elsewhere(after[key])
        lines = [line for line in (outcome.fault, *outcome.failed) if line]
        told = [line for line in lines if bus and f": the guest has it at 0000:{bus}:00." in line]
        lines += [f"the patch says that the card is on bus {bus}"] if bus and not told else []
        found += [f"{name}, {key}: {line}" for line in lines if line not in told]
    return found, list(outcomes.values())


@pytest.mark.parametrize("name", PLANS)
def test_domains_as_users_have_them(name: str, oracle: Oracle) -> None:
    found, outcomes = faults(name, dict(WILD), oracle)
    assert "\n".join(found) == ""
    assert len(outcomes) == len(WILD)


@pytest.fixture(scope="module")
def inputs(oracle: Oracle, pytestconfig: pytest.Config) -> dict[str, bytes]:
    """libvirt's q35 inputs that start, or a sample of them."""
    try:
        found = libvirt_inputs()
    except Unavailable as reason:
        pytest.skip(f"no libvirt source package: {reason}")
    q35 = [each for each in found if _Q35.search(each.document) and not _OTHER.search(each.document)]
    if not pytestconfig.getoption("--every-input"):
        q35 = random.Random(11).sample(q35, SAMPLE)
    before = oracle.outcomes([Job(each.document) for each in q35])
    started = {each.name: each.document for each, outcome in zip(q35, before, strict=True) if not outcome.fault}
    print(f"{len(q35)} inputs of libvirt, {len(started)} start")
    return started


@pytest.mark.parametrize("name", ["omen-17", "idd-shm", "every-device"])
def test_what_started_still_starts(
    name: str, inputs: dict[str, bytes], oracle: Oracle, capsys: pytest.CaptureFixture[str]
) -> None:
    found, outcomes = faults(name, inputs, oracle)
    checks = sum(len(outcome.checks) for outcome in outcomes)
    with capsys.disabled():
        print(f"\n{name}: of {len(inputs)} inputs that start {len(outcomes)} patched and booted: {checks} checks")
    assert "\n".join(found) == ""
    assert len(outcomes) > 0.8 * len(inputs) > 0.5 * SAMPLE


def test_what_no_longer_starts_is_seen(oracle: Oracle) -> None:
    document = WILD["virt-manager"].replace(b"</domain>", b"""<qemu:commandline
      xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'><qemu:arg value='-device'/>
      <qemu:arg value='qemu-xhci,id=mine,bus=pcie.0,addr=0x5'/></qemu:commandline></domain>""")  # fmt: skip
    assert (
        "slot 5 function 0 not available for virtio-balloon-pci, in use by qemu-xhci,id=mine"
        in oracle.outcome(document).fault
    )
