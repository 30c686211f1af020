"""Scenario 6, idle-power: after the VM the card is vfio-pci's again and sleeps. D3cold takes real hardware."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from first_level.configs import AUDIO, GPU, NETWORK, by_id_config
from optimux.emit import modprobe, udev
from optimux.emit.artifact import HostFile
from optimux.emit.host import host_entries
from optimux.plan.resolve import plan_from
from scenarios import idle_power

if TYPE_CHECKING:
    from first_level.fixtures import Module
    from first_level.machine import Level
    from scenarios.second_level import Seen

_SECONDS = 240


def _power_files(config: dict[str, Any]) -> dict[str, str]:
    entries = host_entries(plan_from(config))
    wanted = (modprobe.PATH, udev.IDLE_POWER)
    return {e.path: e.data.decode() for e in entries if isinstance(e, HostFile) and e.path in wanted}


def test_all_of_it_was_passed(second_level: Seen) -> None:
    assert set(second_level.values["running"]) == set(second_level.values["stopped"]) == {GPU, AUDIO, NETWORK}


def test_functions_are_awake_while_the_vm_runs(second_level: Seen) -> None:
    idle_power.awake_while_the_vm_runs(second_level)


def test_functions_sleep_after_the_vm(second_level: Seen) -> None:
    idle_power.asleep_after_the_vm(second_level, NETWORK)


def test_twin_the_emulated_card_itself_reaches_no_d3hot(second_level: Seen) -> None:
    with pytest.raises(AssertionError):
        idle_power.asleep_after_the_vm(second_level, GPU)


def test_twin_disable_idle_d3_keeps_them_awake(by_id: Level, module: Module) -> None:
    config = by_id_config(module.memory)
    config["gpus"]["card"] |= {"disableIdleD3": True, "d3coldAllowed": False}
    files = _power_files(config)
    assert "disable_idle_d3=1" in files[modprobe.PATH]
    by_id.call("idle_power.stays_awake_with", _SECONDS, files=files, addresses=[GPU, AUDIO, NETWORK])


def test_the_same_without_it_sleeps(by_id: Level, module: Module) -> None:
    by_id.call("idle_power.sleeps_with", _SECONDS, files=_power_files(by_id_config(module.memory)), deep=NETWORK)
