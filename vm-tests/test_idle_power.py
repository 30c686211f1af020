"""Scenario 6, idle-power: after the VM the card is vfio-pci's again and sleeps. D3cold takes real hardware."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from first_level.configs import by_id_config
from first_level.machine import AUDIO, GPU, NETWORK
from optimux.emit import modprobe, udev
from optimux.emit.artifact import HostFile
from optimux.emit.host import host_entries
from optimux.plan.resolve import plan_from

if TYPE_CHECKING:
    from first_level.fixtures import Module, Seen
    from first_level.machine import Level

_SECONDS = 240
_LONG_ENOUGH = 10  # idle functions are suspended within a second


def _power_files(config: dict[str, Any]) -> dict[str, str]:
    entries = host_entries(plan_from(config))
    wanted = (modprobe.PATH, udev.IDLE_POWER)
    return {e.path: e.data.decode() for e in entries if isinstance(e, HostFile) and e.path in wanted}


def test_functions_are_awake_while_the_vm_runs(second_level: Seen) -> None:
    for address, state in second_level.values["running"].items():
        assert (state["driver"], state["status"], state["power"]) == ("vfio-pci", "active", "D0"), address


def test_functions_sleep_after_the_vm(second_level: Seen) -> None:
    stopped = second_level.values["stopped"]
    assert set(stopped) == {GPU, AUDIO, NETWORK}
    for address, state in stopped.items():
        assert (state["driver"], state["status"]) == ("vfio-pci", "suspended"), address
        assert (state["control"], state["d3cold_allowed"]) == ("auto", "1"), address
    assert stopped[NETWORK]["power"] == "D3hot"


def test_twin_disable_idle_d3_keeps_them_awake(by_id: Level, module: Module) -> None:
    config = by_id_config(module.memory)
    config["gpus"]["card"] |= {"disableIdleD3": True, "d3coldAllowed": False}
    files = _power_files(config)
    assert "disable_idle_d3=1" in files[modprobe.PATH]
    seen = by_id.call(
        "idle_power.with_files", _SECONDS, files=files, addresses=[GPU, AUDIO, NETWORK], seconds=_LONG_ENOUGH
    )
    for address, state in seen.items():
        assert (state["driver"], state["status"], state["power"]) == ("vfio-pci", "active", "D0"), address


def test_the_same_without_it_sleeps(by_id: Level, module: Module) -> None:
    """The twin's twin: loading vfio-pci anew is not what kept them awake."""
    files = _power_files(by_id_config(module.memory))
    seen = by_id.call("idle_power.with_files", _SECONDS, files=files, addresses=[NETWORK], seconds=_LONG_ENOUGH)
    assert (seen[NETWORK]["status"], seen[NETWORK]["power"]) == ("suspended", "D3hot")
