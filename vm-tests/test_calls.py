"""What stands for a script's calls of scenarios is what the commands do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lab.l1.calls import Calling, asked_in
from lab.scenarios.once import once
from optimux.vm.errors import Crashed

AGENT = "PYTHONPATH=/a:/b python3 -m lab.scenarios.agent"


@pytest.mark.parametrize(
    ("command", "asked"),
    [
        (f"{AGENT} agent.settle '{{}}'", ("agent.settle", {})),
        (f"""{AGENT} a.b '{{"words": "it'"'"'s; $(so)"}}'""", ("a.b", {"words": "it's; $(so)"})),
        ("systemctl is-active libvirtd", None),
        (f"true && {AGENT} a.b '{{}}'", None),
    ],
)
def test_only_a_call_is_one(command: str, asked: object) -> None:
    assert asked_in(command) == asked


def _calling(calls: list[str]) -> Calling:
    def shell(command: str, seconds: float) -> tuple[int, str, str]:
        calls.append(f"shell {command.rpartition(' ')[0]}")
        return 0, "null\n", ""

    def call(function: str, arguments: dict[str, Any], seconds: float) -> Any:
        calls.append(function)
        if "raises" in arguments:
            raise Crashed("gone", "") if arguments["raises"] else ValueError("no")
        return arguments

    return Calling(shell, call)


def test_the_first_is_the_command_itself() -> None:
    calls: list[str] = []
    shell = _calling(calls)
    assert shell("uname -r", 1) == (0, "null\n", "")
    assert shell(f"{AGENT} a.b '{{}}'", 1) == (0, "null\n", "")
    status, said, _ = shell(f"""{AGENT} a.b '{{"c": [1]}}'""", 1)
    assert (status, json.loads(said)) == (0, {"c": [1]})
    assert calls == ["shell uname", f"shell {AGENT} a.b", "a.b"]


def test_twin_one_that_fails_fails() -> None:
    shell = _calling([])
    shell(f"{AGENT} a.b '{{}}'", 1)
    status, said, errors = shell(f"""{AGENT} a.b '{{"raises": false}}'""", 1)
    assert (status, said) == (1, "")
    assert errors.endswith("ValueError: no\n")
    with pytest.raises(Crashed):
        shell(f"""{AGENT} a.b '{{"raises": true}}'""", 1)


def test_once() -> None:
    """A scenario that was passed is not passed again; with other arguments it is, and so is one that failed."""
    calls: list[tuple[int, str]] = []

    def scenario(number: int, folder: str) -> int:
        calls.append((number, folder))
        if len(calls) == 1:
            raise ValueError("no")
        return number

    with pytest.raises(ValueError, match="no"):
        once(scenario, 1, "a")
    assert [once(scenario, 1, "b"), once(scenario, number=1, folder="c"), once(scenario, 2, folder="d")] == [1, 1, 2]
    assert calls == [(1, "a"), (1, "b"), (2, "d")]
