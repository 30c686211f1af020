"""Scenario 7, kvmfr: the real module under the generated files, and the users' most frequent trouble with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.l1.configs import VM
from lab.l1.fixtures import OPTIONS, domain_file
from lab.scenarios import kvmfr

if TYPE_CHECKING:
    from lab.l1.machine import L1
    from lab.scenarios.given import Given
    from lab.scenarios.l2 import Seen

pytestmark = pytest.mark.usefixtures("kvmfr")
_SECONDS = 180


def test_device_is_as_generated(by_id: L1, plan: Given) -> None:
    assert plan.memory.kind == "kvmfr"
    by_id.call("kvmfr.device_is_as_generated", _SECONDS, options=OPTIONS)


def test_guest_reads_what_the_host_wrote(l2: Seen) -> None:
    kvmfr.guest_reads_what_the_host_wrote(l2)


def test_host_reads_what_the_guest_wrote(l2: Seen) -> None:
    kvmfr.host_reads_what_the_guest_wrote(l2)


def test_twin_another_size(by_id: L1) -> None:
    by_id.call("kvmfr.another_size", _SECONDS, xml=domain_file("another-size"))


def test_twin_no_acl_entry(by_id: L1) -> None:
    by_id.call("kvmfr.acl_entry_removed", _SECONDS, options=OPTIONS, xml=domain_file(VM))


def test_twin_module_absent(by_id: L1) -> None:
    by_id.call("kvmfr.module_absent", 2 * _SECONDS, options=OPTIONS, xml=domain_file(VM))
