"""Scenario 7, kvmfr: the real module under the generated files, and the users' most frequent trouble with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from first_level.configs import VM
from first_level.fixtures import OPTIONS, domain_file
from scenarios import kvmfr

if TYPE_CHECKING:
    from first_level.machine import Level
    from scenarios.given import Given
    from scenarios.second_level import Seen

pytestmark = pytest.mark.usefixtures("kvmfr")
_SECONDS = 180


def test_device_is_as_generated(by_id: Level, plan: Given) -> None:
    assert plan.memory.kind == "kvmfr"
    by_id.call("kvmfr.device_is_as_generated", _SECONDS, options=OPTIONS)


def test_guest_reads_what_the_host_wrote(second_level: Seen) -> None:
    kvmfr.guest_reads_what_the_host_wrote(second_level)


def test_host_reads_what_the_guest_wrote(second_level: Seen) -> None:
    kvmfr.host_reads_what_the_guest_wrote(second_level)


def test_twin_another_size(by_id: Level) -> None:
    by_id.call("kvmfr.another_size", _SECONDS, xml=domain_file("another-size"))


def test_twin_no_acl_entry(by_id: Level) -> None:
    by_id.call("kvmfr.acl_entry_removed", _SECONDS, options=OPTIONS, xml=domain_file(VM))


def test_twin_module_absent(by_id: Level) -> None:
    by_id.call("kvmfr.module_absent", 2 * _SECONDS, options=OPTIONS, xml=domain_file(VM))
