"""libvirt and its networks are started: the commands, through the shell, virsh and systemd's own units."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import pytest

from optimux.emit.libvirt_start import VIRSH
from tests.host.plans import commands, plan

if TYPE_CHECKING:
    from lab.consumers.roots import Root


def _network(name: str) -> dict[str, Any]:
    return {"gpu": "card", "memory": "8GiB", "networks": [{"source": name}]}


def _virsh(**changes: Any) -> list[str]:
    return [command for command in commands(plan(**changes)) if command.startswith("virsh")]


@pytest.mark.parametrize("distribution", ["arch", "debian", "fedora"])
def test_libvirt_starts_after_its_configuration_and_before_its_networks(distribution: str) -> None:
    found = commands(plan(host={"distribution": distribution}))
    (start,) = (index for index, command in enumerate(found) if "systemctl enable --now" in command)
    (restart,) = (index for index, command in enumerate(found) if "try-restart" in command)
    networks = [index for index, command in enumerate(found) if command.startswith("virsh")]
    assert restart < start < min(networks)


def test_debians_libvirt_has_the_unit(trixie: Root, bookworm: Root) -> None:
    (start,) = (command for command in commands(plan()) if "enable --now" in command)
    (unit,) = shlex.split(start)[3:]
    for root in (trixie, bookworm):
        assert root.run(["systemctl", "--root=/", "is-enabled", f"{unit}.service"], check=False).stdout.strip()
        absent = root.run(["systemctl", "--root=/", "is-enabled", "virtqemud.service"], check=False)
        assert absent.stdout.strip() in ("", "not-found")


@pytest.mark.parametrize("modular", [True, False])
def test_arch_keeps_modular_daemons(modular: bool, trixie: Root) -> None:
    (start,) = (command for command in commands(plan(host={"distribution": "arch"})) if "enable --now" in command)
    fake = f'systemctl() {{ [ "$1" = is-active ] && return {int(not modular)}; echo "$*"; }}'
    said = trixie.run(["sh", "-eu"], input=f"{fake}\n{start}\n").stdout
    assert said == ("" if modular else "enable --now libvirtd\n")


def test_each_network_once() -> None:
    bridged = {"memory": "1GiB", "networks": [{"type": "bridge", "source": "br0"}]}
    assert len(_virsh()) == 2
    assert _virsh(vms={"a": _network("lan"), "b": _network("lan")}) == _virsh(vms={"a": _network("lan")})
    assert " net-autostart lan" in _virsh(vms={"a": _network("lan")})[0]
    assert _virsh(vms={"a": bridged}) == []


@pytest.mark.parametrize(("name", "status"), [("default", 0), ("absent", 1)])
def test_virsh_takes_the_commands(trixie: Root, name: str, status: int) -> None:
    """Against libvirt's own test driver, whose network "default" is active: starting it again would fail."""
    for command in _virsh(vms={"a": _network(name)}):
        local = command.replace(VIRSH, "virsh --connect test:///default")
        assert local != command
        ran = trixie.run(["sh", "-eu"], input=f"{local}\n", check=False)
        assert ran.returncode == status, ran.stderr
        assert status == 0 or name in ran.stderr
    again = trixie.run(["virsh", "--connect", "test:///default", "net-start", "default"], check=False)
    assert "already running" in again.stderr
