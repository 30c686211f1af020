"""Scenario 6, idle-power: after the VM the card is vfio-pci's again and sleeps. D3cold takes real hardware."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lab.l1.configs import AUDIO, GPU, NETWORK, by_id_config
from lab.scenarios import idle_power
from optimux.emit import modprobe, udev
from optimux.emit.artifact import HostFile
from optimux.emit.host import host_entries
from optimux.plan.resolve import plan_from

if TYPE_CHECKING:
    from lab.l1.fixtures import Module
    from lab.l1.machine import L1
    from lab.scenarios.l2 import Seen

_SECONDS = 240


def _power_files(config: dict[str, Any]) -> dict[str, str]:
    entries = host_entries(plan_from(config))
    wanted = (modprobe.PATH, udev.IDLE_POWER)
    return {e.path: e.data.decode() for e in entries if isinstance(e, HostFile) and e.path in wanted}


def test_all_of_it_was_passed(l2: Seen) -> None:
    assert set(l2.values["running"]) == set(l2.values["stopped"]) == {GPU, AUDIO, NETWORK}


def test_functions_are_awake_while_the_vm_runs(l2: Seen) -> None:
    idle_power.awake_while_the_vm_runs(l2)


def test_functions_sleep_after_the_vm(l2: Seen) -> None:
    idle_power.asleep_after_the_vm(l2, NETWORK)


def test_twin_the_emulated_card_itself_reaches_no_d3hot(l2: Seen) -> None:
    with pytest.raises(AssertionError):
        idle_power.asleep_after_the_vm(l2, GPU)


def test_twin_disable_idle_d3_keeps_them_awake(by_id: L1, module: Module) -> None:
    config = by_id_config(module.memory)
    config["gpus"]["card"] |= {"disableIdleD3": True, "d3coldAllowed": False}
    files = _power_files(config)
    assert "disable_idle_d3=1" in files[modprobe.PATH]
    by_id.call("idle_power.stays_awake_with", _SECONDS, files=files, addresses=[GPU, AUDIO, NETWORK])


def test_the_same_without_it_sleeps(by_id: L1, module: Module) -> None:
    by_id.call("idle_power.sleeps_with", _SECONDS, files=_power_files(by_id_config(module.memory)), deep=NETWORK)
