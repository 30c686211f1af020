"""The guest agent's client, against made-up agents that misbehave and against QEMU's own."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from optimux.guest.agent import MOST_READ, Agent, AgentError, AgentSilent
from optimux.vm.errors import VmError
from tests.guest.agents import Answer, MadeUp, real_agent
from tests.guest.clock import Clock


def agent(answer: object) -> tuple[Agent, Clock]:
    """An agent that always answers so."""

    def say(_: Answer) -> object:
        if isinstance(answer, Exception):
            raise answer
        return answer

    clock = Clock()
    return Agent(MadeUp(say), clock.now, clock.sleep), clock


def test_a_silent_agent_is_waited_for_within_bounds() -> None:
    silent, clock = agent(AgentSilent("no"))
    with pytest.raises(AgentSilent, match="within 60 s"):
        silent.wait(60)
    assert 60 <= clock.now() < 62


def test_an_agent_that_wakes_up_is_believed() -> None:
    clock = Clock()

    def late(_: Answer) -> object:
        if clock.now() < 20:
            raise AgentSilent("not yet")
        return {}

    Agent(MadeUp(late), clock.now, clock.sleep).wait(60)
    assert 20 <= clock.now() < 21


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("no json", "no JSON"),
        ('{"error": {"class": "CommandNotFound", "desc": "disabled"}}', "refused guest-ping: disabled"),
        ("[]", "refused guest-ping"),
        ('{"error": 3}', "refused guest-ping"),
        ('{"return"', "no JSON"),
    ],
)
def test_answers_that_are_none(answer: str, said: str) -> None:
    with pytest.raises(AgentError, match=said):
        agent(answer)[0].call("guest-ping")


@pytest.mark.parametrize("started", [{}, {"pid": "7"}, [], None])
def test_a_program_without_a_pid(started: object) -> None:
    with pytest.raises(AgentError, match="without a pid"):
        agent(started)[0].run("x", [], 5)


@pytest.mark.parametrize("status", [[], "exited", None, 3])
def test_a_program_whose_status_is_none(status: object) -> None:
    answers = MadeUp(
        lambda request: {"pid": 1} if request["execute"] == "guest-exec" else json.dumps({"return": status})
    )
    with pytest.raises(AgentError, match="answered guest-exec-status with"):
        Agent(answers, Clock().now, Clock().sleep).run("x", [], 30)


def test_a_program_that_never_ends() -> None:
    clock = Clock()
    endless = MadeUp(lambda request: {"pid": 1} if request["execute"] == "guest-exec" else {"exited": False})
    with pytest.raises(AgentSilent, match="still runs"):
        Agent(endless, clock.now, clock.sleep).run("x", [], 30)
    assert 30 <= clock.now() < 32


def test_a_silence_while_a_program_runs_is_borne() -> None:
    clock = Clock()
    looks = iter([AgentSilent("a"), AgentSilent("b"), {"exited": True, "exitcode": 3}])

    def answer(request: Answer) -> object:
        if request["execute"] == "guest-exec":
            return {"pid": 1}
        look = next(looks)
        if isinstance(look, Exception):
            raise look
        return look

    assert Agent(MadeUp(answer), clock.now, clock.sleep).run("x", [], 30).exit_code == 3


def test_a_cut_output_is_told() -> None:
    status = {"exited": True, "exitcode": 0, "out-data": "aGk=", "out-truncated": True, "pid": 1}
    finished = agent(status)[0].run("x", [], 5)
    assert (finished.output, finished.is_truncated) == (b"hi", True)
    del status["out-truncated"]
    assert not agent(status)[0].run("x", [], 5).is_truncated


def test_a_program_that_a_signal_ended() -> None:
    assert agent({"exited": True, "signal": 9, "pid": 1})[0].run("x", [], 5).exit_code == -1


def test_an_endless_file_is_refused_and_closed() -> None:
    piece = base64.b64encode(bytes(1 << 20)).decode()
    made = MadeUp(lambda request: {"count": 1, "buf-b64": piece} if request["execute"] == "guest-file-read" else 3)
    with pytest.raises(AgentError, match=f"larger than {MOST_READ >> 20} MiB"):
        Agent(made).read_file("C:\\x")
    assert made.requests[-1]["execute"] == "guest-file-close"


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agent]:
    """QEMU's own agent, on this machine."""
    try:
        with real_agent(tmp_path_factory.mktemp("agent")) as transport:
            yield Agent(transport)
    except VmError as error:
        pytest.skip(f"no qemu-ga: {error}")


def test_qemus_agent_answers(real: Agent) -> None:
    real.wait(10)
    assert real.call("guest-info")["version"]


def test_qemus_agent_refuses(real: Agent) -> None:
    with pytest.raises(AgentError, match=r"refused guest-nothing: .*not.*found"):
        real.call("guest-nothing")


def test_qemus_agent_runs_programs(real: Agent) -> None:
    finished = real.run("/bin/sh", ["-c", "printf out; printf err >&2; exit 5"], 20)
    assert (finished.exit_code, finished.output, finished.errors) == (5, b"out", b"err")
    with pytest.raises(AgentError, match="refused guest-exec"):
        real.run("/no/such/program", [], 5)


def test_qemus_agent_reads_files(real: Agent, tmp_path: Path) -> None:
    content = bytes(range(256)) * 1000
    (tmp_path / "report").write_bytes(content)
    assert real.read_file(str(tmp_path / "report")) == content
    with pytest.raises(AgentError, match="guest-file-open"):
        real.read_file(str(tmp_path / "absent"))
