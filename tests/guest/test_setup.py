"""The guest's setup from outside: restarts, reports, progress."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from optimux.errors import OptimuxError
from optimux.guest.agent import Agent, AgentError, AgentSilent
from optimux.guest.provisioning import MOST_RESTARTS, Progress, Row, Setup, parse_report
from tests.guest.agents import MadeUp, Windows, real_agent, report
from tests.guest.clock import Clock

DONE = report(0, windows="holds", gpu="holds")
AGAIN = report(3010, windows="holds", gpu="restart")
PERSON = report(2, windows="holds", gpu="person")


def run(guest: Windows) -> tuple[Setup, list[Row], list[str], Clock]:
    """The setup of a made-up guest, and what it says."""
    clock = Clock()
    steps: list[Row] = []
    notes: list[str] = []
    setup = Setup(Agent(MadeUp(guest), clock.now, clock.sleep), guest.restart)
    setup_progress = Progress(steps.append, notes.append)
    setup.run(setup_progress)
    return setup, steps, notes, clock


def test_a_setup_that_is_done_at_once() -> None:
    guest = Windows([DONE])
    _, steps, notes, _ = run(guest)
    assert [(row.step, row.outcome) for row in steps] == [("windows", "holds"), ("gpu", "holds")]
    assert (guest.boot, notes) == (0, [])


@pytest.mark.parametrize("silent", [0, 30])
def test_restarts_are_made_and_waited_for(silent: int) -> None:
    guest = Windows([AGAIN, AGAIN, DONE], silent_boots=silent)
    _, steps, notes, _ = run(guest)
    assert (guest.boot, notes) == (2, ["restarting the guest"] * 2)
    assert steps[-1] == Row("gpu", "holds", "x", "")


def test_a_person_is_no_reason_to_restart() -> None:
    guest = Windows([PERSON, DONE])
    run(guest)
    assert guest.boot == 0


def test_an_answering_agent_is_no_proof_of_a_restart() -> None:
    guest = Windows([AGAIN, DONE], forgets_to_restart=True)
    with pytest.raises(AgentSilent, match="did not restart within 600 s"):
        run(guest)


def test_a_setup_that_never_has_enough() -> None:
    guest = Windows([AGAIN])
    with pytest.raises(OptimuxError, match=f"restarted {MOST_RESTARTS} times"):
        run(guest)
    assert guest.boot == MOST_RESTARTS


@pytest.mark.parametrize("earlier", ["", "0123456789abcdef"])
def test_a_report_of_an_earlier_run_is_no_report(earlier: str) -> None:
    """Of the same boot too: a setup that ends at once, as where another one runs, leaves what lay there before."""

    class Stale(Windows):
        @property
        def report(self) -> bytes:
            return json.dumps(DONE | {"boot": self._started(), "run": earlier}).encode()

    said: list[Row] = []
    guest, clock = Stale([DONE]), Clock()
    with pytest.raises(AgentError, match="no report of its own"):
        Setup(Agent(MadeUp(guest), clock.now, clock.sleep), guest.restart).run(Progress(said.append, lambda _: None))
    assert said == []


def test_status_changes_nothing() -> None:
    guest = Windows([PERSON])
    clock = Clock()
    found = Setup(Agent(MadeUp(guest), clock.now, clock.sleep), guest.restart).status()
    assert found.exit_code == 2
    assert all("-TestOnly" in script for script in guest.runs)


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"[]", b'{"format": 2}', "{\"format\": \u00e9}".encode(), b'{"format": 1}', b"null", b'"x"',
     json.dumps(report(0) | {"devices": [{"id": "a", "name": "b"}]}).encode(),
     json.dumps(report(0) | {"exit": "soon"}).encode()],
    ids=str,
)  # fmt: skip
def test_reports_that_are_none(text: bytes) -> None:
    with pytest.raises(AgentError, match=r"guest's report"):
        parse_report(text)


def test_the_twin_a_report_that_is_one() -> None:
    devices = [{"id": "PCI\\X", "name": None, "code": 43}]
    assert parse_report(json.dumps(report(0) | {"devices": devices}).encode()).devices == (("PCI\\X", "", 43),)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ({"exitcode": 1, "out-data": ""}, "does not say when it started: exit code 1"),
        ({"exitcode": 0, "out-data": base64.b64encode(b" \n").decode()}, "does not say when it started: exit code 0"),
        ({"exitcode": 0, "out-data": base64.b64encode(b"now").decode()}, ""),
    ],
)
def test_when_the_guest_started(status: dict[str, object], said: str) -> None:
    clock = Clock()
    answers = MadeUp(lambda _: {"exited": True, "pid": 1} | status)
    setup = Setup(Agent(answers, clock.now, clock.sleep), lambda: None)
    if said:
        with pytest.raises(AgentError, match=said):
            setup.boot_time()
    else:
        assert setup.boot_time() == "now"


@pytest.mark.parametrize("cut", ["out-truncated", "err-truncated", ""])
def test_a_report_that_the_agent_cut_off(cut: str) -> None:
    clock = Clock()
    whole = {
        "exited": True,
        "exitcode": 0,
        "pid": 1,
        "out-data": base64.b64encode(json.dumps(report(0)).encode()).decode(),
    }
    answers = MadeUp(lambda _: whole | ({cut: True} if cut else {}))
    setup = Setup(Agent(answers, clock.now, clock.sleep), lambda: None)
    if cut:
        with pytest.raises(AgentError, match="cut the setup's output off"):
            setup.status()
    else:
        assert setup.status().exit_code == 0


def test_no_medium(tmp_path: Path) -> None:
    clock = Clock()
    status = {"exited": True, "exitcode": 87, "pid": 1}
    setup = Setup(Agent(MadeUp(lambda _: status), clock.now, clock.sleep), lambda: None)
    with pytest.raises(OptimuxError, match="no medium labelled OPTIMUX"):
        setup.status()


SHELL = r"""#!/bin/sh
# Stands in for PowerShell in a guest that is a Linux.
case "$*" in
*LastBootUpTime*) printf 'boot-%s' "$(cat FOLDER/boot)" ;;
*) run=${*##*-Run }; sed "s/RUN/${run%%;*}/" "FOLDER/report-$(cat FOLDER/boot)" >FOLDER/report; cat FOLDER/report ;;
esac
"""


def test_through_qemus_own_agent(tmp_path: Path) -> None:
    """The whole of it over the real agent: programs, files, a restart that changes the boot time."""
    program = tmp_path / "powershell"
    program.write_text(SHELL.replace("FOLDER", str(tmp_path)))
    program.chmod(0o755)
    (tmp_path / "boot").write_text("0")
    for number, each in enumerate((AGAIN, DONE)):
        (tmp_path / f"report-{number}").write_text(json.dumps(each | {"boot": f"boot-{number}", "run": "RUN"}))
    steps: list[Row] = []

    def restart() -> None:
        (tmp_path / "boot").write_text("1")

    try:
        with real_agent(tmp_path) as transport:
            agent = Agent(transport)
            setup = Setup(agent, restart, str(program), str(tmp_path / "report"))
            assert setup.run(Progress(steps.append, lambda _: None)).exit_code == 0
    except OptimuxError as error:
        if "qemu-g" in str(error):
            pytest.skip(str(error))
        raise
    assert [row.outcome for row in steps if row.step == "gpu"] == ["restart", "holds"]
