"""Scream's user unit, read by systemd."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimux.emit.artifact import HostCommand, HostFile
from optimux.emit.scream import scream_entries
from tests.looking_glass.plans import plan

if TYPE_CHECKING:
    from lab.consumers.roots import Root
    from optimux.plan.model import Plan

UNIT = "/etc/systemd/user/optimux-scream.service"


def units(planned: Plan) -> dict[str, str]:
    return {e.path: e.data.decode() for e in scream_entries(planned) if isinstance(e, HostFile)}


def commands(planned: Plan) -> list[str]:
    return [e.command for e in scream_entries(planned) if isinstance(e, HostCommand)]


def test_off_by_default() -> None:
    assert scream_entries(plan()) == []


def test_one_unit_with_its_command() -> None:
    planned = plan({"scream": {"enable": True, "interface": "virbr1", "output": "alsa"}})
    text = units(planned)[UNIT]
    assert text.startswith("# Written by Optimux")
    assert "\nExecStart=scream -i virbr1 -o alsa -v\n" in text
    assert commands(planned) == ["systemctl --global enable optimux-scream.service"]


def test_vms_on_one_interface_share_a_receiver() -> None:
    on = {"scream": {"enable": True}}
    assert list(units(plan(on, one={}, two={}))) == [UNIT]
    other = {"lookingGlass": {"scream": {"enable": True, "interface": "virbr1"}}}
    assert list(units(plan(on, one={}, two=other))) == [UNIT, "/etc/systemd/user/optimux-scream-two.service"]


def verified(trixie: Root, text: str) -> str:
    """What ``systemd-analyze verify`` says; a stand-in for the program itself, which Debian has not."""
    with trixie.session() as session:
        session.put("/usr/local/bin/scream", "#!/bin/sh\n", 0o755)
        session.run(["mkdir", "-p", UNIT.rpartition("/")[0]])
        session.put(UNIT, text)
        environment = {"XDG_RUNTIME_DIR": "/tmp", "SYSTEMD_LOG_LEVEL": "notice"}
        command = ["systemd-analyze", "verify", "--user", "--man=no", "--recursive-errors=no", UNIT]
        done = session.run(command, check=False, env=environment)
    return f"{done.returncode} {(done.stdout + done.stderr).strip()}".strip()


def test_systemd_takes_the_unit(trixie: Root) -> None:
    assert verified(trixie, units(plan({"scream": {"enable": True}}))[UNIT]) == "0"


def test_systemd_refuses_a_broken_one(trixie: Root) -> None:
    text = units(plan({"scream": {"enable": True}}))[UNIT]
    assert "scream-not-there" in verified(trixie, text.replace("ExecStart=scream ", "ExecStart=scream-not-there "))
    assert "Restrat" in verified(trixie, text.replace("Restart=", "Restrat="))
