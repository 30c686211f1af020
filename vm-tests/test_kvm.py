"""The same code under a KVM that runs guests: L1's, by emulated hardware where there is no other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from lab.l1.machine import L1

_SECONDS = 180


@pytest.fixture
def kvm(by_id: L1) -> L1:
    if not by_id.call("l2.has_kvm", _SECONDS):
        looked = "grep -ow -m1 -e svm -e vmx /proc/cpuinfo"
        _, found, _ = by_id.call("agent.shell", _SECONDS, command=looked, seconds=60)
        assert not found, f"L1's processor has {found.strip()}, but it has no KVM"
        pytest.skip("L1 has no /dev/kvm: its processor emulates no virtualisation")
    return by_id


def test_the_probe_finds_it(kvm: L1) -> None:
    assert kvm.call("bench.accelerator", _SECONDS) == "KVM"


def test_table_bytes(kvm: L1) -> None:
    kvm.call("table_bytes.table_is_there", _SECONDS, firmware="seabios", variant="full", folder="/tmp/table-bytes")


def test_twin_a_flipped_byte(kvm: L1) -> None:
    kvm.call("table_bytes.a_flipped_byte", _SECONDS, firmware="seabios", folder="/tmp/flipped-byte")


def test_battery_in_linux(kvm: L1) -> None:
    kvm.call("battery_in_linux.battery_is_full", _SECONDS, variant="full", folder="/tmp/battery-in-linux")
