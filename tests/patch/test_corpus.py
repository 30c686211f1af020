"""libvirt's own test inputs: each x86 one is patched as the plan wants, or refused for a stated reason."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection

import pytest
from lxml import etree

from lab.consumers.roots import Root
from optimux.errors import InvalidInput
from optimux.patch import Patched
from optimux.patch.concerns import PASSTHROUGH as CONCERNS
from optimux.plan.model import DomainPlan
from tests.golden_cases import case
from tests.patch.checker import problems
from tests.patch.corpus import Input, libvirt_inputs
from tests.patch.passthrough import patch_domain
from tests.patch.spans import damage

PLANS = ("omen-17", "idd-shm", "every-device", "omen-17-2023")
REASONS = re.compile(
    r"machine='|no machine, which means pc|type='|arch='|no <os>|<os><type>|two PCI controllers|pci-root|\(line \d+"
    r"|no free slot on PCI bus 00"  # more ports than libvirt itself has room for
)
LEAST_SHARE = 0.95


@pytest.fixture(scope="module")
def schema(trixie: Root) -> etree.RelaxNG:
    return etree.RelaxNG(file=str(trixie.path / "usr/share/libvirt/schemas/domain.rng"))


@pytest.fixture(scope="module")
def inputs() -> list[Input]:
    return [item for item in libvirt_inputs() if is_x86(item.document)]


def is_x86(document: bytes) -> bool:
    return re.search(rb"<type[^>]*\barch=['\"](?!x86_64|i686)", document) is None


def is_q35(document: bytes) -> bool:
    return re.search(rb"<type[^>]*\bmachine=['\"](pc-)?q35", document) is not None


@pytest.mark.parametrize("name", PLANS)
def test_every_input(name: str, inputs: list[Input], schema: etree.RelaxNG, capsys: pytest.CaptureFixture[str]) -> None:
    plan = case(name).plan().domains[0]
    counts: Counter[str] = Counter()
    faults: list[str] = []
    for turn, item in enumerate(inputs, PLANS.index(name)):
        kind = "q35" if is_q35(item.document) else "other x86"
        try:
            patched = patch_domain(item.document, plan)
        except InvalidInput as refusal:
            counts[f"{kind} refused"] += 1
            if not REASONS.search(str(refusal)):
                faults.append(f"{item.name}: refused without a known reason: {refusal}")
            continue
        counts[f"{kind} patched"] += 1
        faults += [f"{item.name}: {fault}" for fault in judge(item.document, patched.document, plan, schema)]
        faults += due(item, patched, plan, tuple(CONCERNS)[turn % len(PLANS) :: len(PLANS)])
    with capsys.disabled():
        print(f"\n{name}: {len(inputs)} x86 inputs: {', '.join(f'{n} {w}' for w, n in sorted(counts.items()))}")
    assert faults == []
    assert counts["q35 patched"] > 100
    assert counts["q35 patched"] >= LEAST_SHARE * (counts["q35 patched"] + counts["q35 refused"])


def judge(before: bytes, after: bytes, plan: DomainPlan, schema: etree.RelaxNG) -> list[str]:
    """Idempotent, undamaged, valid where it was valid."""
    faults = damage(before.decode(), after.decode())
    if patch_domain(after, plan).document != after:
        faults.append("the second patch changes something")
    if not schema.validate(etree.fromstring(after)):
        reason = schema.error_log.last_error
        faults += [f"no longer valid: {reason}"] if schema.validate(etree.fromstring(before)) else []
    return faults


def due(item: Input, patched: Patched, plan: DomainPlan, alone: Collection[str]) -> list[str]:
    """All concerns together bring about what they should, and each of some alone.

    What was amiss before is not theirs. With each of the plans other concerns are tried alone, so that every input
    meets every one.
    """
    before = problems(item.document, plan, ["pci"])
    left = [str(change) for change in patched.left]
    found = [line for line in problems(patched.document, plan, CONCERNS, left) if line not in before]
    for name in alone:
        only = patch_domain(item.document, plan, only=[name])
        left = [str(change) for change in only.left]
        found += [f"--only: {p}" for p in problems(only.document, plan, [name], left) if p not in before]
    return [f"{item.name}: {line}" for line in found]


def test_the_judge_sees_faults(inputs: list[Input], schema: etree.RelaxNG) -> None:
    plan = case("omen-17").plan().domains[0]
    item = next(item for item in inputs if item.name == "q35-virt-manager-basic")
    patched = patch_domain(item.document, plan)
    assert due(item, patched, plan, CONCERNS) == []
    assert due(item, patched.replace(document=item.document), plan, ()) != []
    after = patched.document
    assert judge(item.document, after, plan, schema) == []
    invalid = after.replace(b"<memballoon model='none'/>", b"<memballoon model='none'/><balloon/>")
    assert any("no longer valid" in fault for fault in judge(item.document, invalid, plan, schema))
    assert any("second patch" in f for f in judge(item.document, item.document, plan, schema))
