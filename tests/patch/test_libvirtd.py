"""A real libvirtd takes the patched domains and keeps what was placed."""

from __future__ import annotations

import pytest

from lab.consumers.libvirtd import Libvirtd
from lab.consumers.survival import lost
from lab.documents import KEY_VALUE, ONE_LINE, STORED, VIRT_MANAGER
from optimux.plan.model import DomainPlan
from tests.golden_cases import CASES, Case
from tests.patch.passthrough import patch_domain

STARTS = {"plain": VIRT_MANAGER, "stored": STORED, "key=value": KEY_VALUE, "one line": ONE_LINE}
EXAMPLES = [case for case in CASES if case.is_example]


def plan_of(case: Case) -> DomainPlan:
    return case.plan().domains[0]


@pytest.mark.parametrize("start", sorted(STARTS))
@pytest.mark.parametrize("case", EXAMPLES, ids=lambda case: case.name)
def test_define_and_dump(case: Case, start: str, libvirtd_trixie: Libvirtd) -> None:
    plan = plan_of(case)
    document = patch_domain(STARTS[start].encode(), plan).document.decode()
    assert lost(document, libvirtd_trixie.kept(document, "win11")) == []


@pytest.mark.parametrize("case", EXAMPLES, ids=lambda case: case.name)
def test_a_session(case: Case, libvirtd_trixie: Libvirtd) -> None:
    """Define a plain Windows 11 domain, dump it, patch it, define, dump: patching the dump changes nothing."""
    plan = plan_of(case)
    dumped = libvirtd_trixie.kept(VIRT_MANAGER, "win11")
    first = patch_domain(dumped.encode(), plan)
    assert first.changes
    kept = libvirtd_trixie.kept(first.document.decode(), "win11")
    again = patch_domain(kept.encode(), plan)
    assert [str(change) for change in again.changes] == []
    assert again.document == kept.encode()


def test_libvirt_notices_what_is_lost(libvirtd_trixie: Libvirtd) -> None:
    document = patch_domain(VIRT_MANAGER.encode(), plan_of(EXAMPLES[0])).document.decode()
    kept = libvirtd_trixie.kept(document, "win11")
    assert lost(document.replace("<relaxed state='on'/>", "<relaxed state='off'/>"), kept) != []
