"""Every place that refuses or warns is reached by some case.

The places are found by looking: each call of ``error``, ``unusable`` or ``warn`` in what judges the options.
"""

from __future__ import annotations

import ast
import contextlib
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import optimux
from optimux.errors import InvalidInput
from optimux.facts import Facts, load_facts
from optimux.facts.model import facts_from
from optimux.findings import Findings
from optimux.options.model import Options
from optimux.plan.resolve import plan_from
from tests.bad_input.cases import CASES
from tests.bad_input.edits import FACTS, GPU, VM, Edits, edited
from tests.bad_input.test_refusals import FOLLOW_UPS
from tests.plan.test_advice import ADVICE, BY_FACTS

PACKAGE = Path(optimux.__file__).parent  # which may be a copy, as for ./dev mutate
ROOMS = ("declare", "options", "plan")
SAYING = ("error", "unusable", "warn", "_refuse")
# They only hand on what somebody else says.
THROUGH = ("findings.py", "plan/wanted.py", "declare/kind.py")
Place = tuple[str, int]

# Refused for the machine's sake alone: the edits, the facts, and facts with which the same is good.
BY_THE_MACHINE: tuple[tuple[Edits, dict[str, Any], dict[str, Any]], ...] = (
    (
        {"lookingGlass.user": "me"},
        {"users": [{"name": "you", "uid": 1000}]},
        {"users": [{"name": "me", "uid": 1000}]},
    ),
    (
        {GPU: {"functions": [{"address": "0000:01:00.0", "id": "10de:249d"}]}},
        {"devices": [{"address": f"0000:{bus}:00.0", "id": "10de:249d", "class": "0300"} for bus in ("01", "02")]},
        {"devices": [{"address": "0000:01:00.0", "id": "10de:249d", "class": "0300"}]},
    ),
    (
        {"host.distribution": "arch"},
        {"boot": {"initramfs": [{"name": name, "evidence": f"/etc/{name}"} for name in ("dracut", "mkinitcpio")]}},
        {"boot": {"initramfs": [{"name": "mkinitcpio", "evidence": "/etc/mkinitcpio.conf"}]}},
    ),
)
# What no document says: too many VMs for one, a text that is too long, one that no XML can hold.
OTHERS: tuple[Edits, ...] = (
    {"vms": {f"a{number}": {} for number in range(Options.by_key["vms"].kind.most + 1)}},  # type: ignore[attr-defined]
    {f"{VM}.name": "a" * 5000},
    {f"{VM}.name": "\x01"},
)


@cache
def places() -> frozenset[Place]:
    """Every place that says something, by file and line."""
    files = (file for room in ROOMS for file in (PACKAGE / room).rglob("*.py"))
    named = ((file.relative_to(PACKAGE).as_posix(), ast.parse(file.read_text(encoding="utf-8"))) for file in files)
    return frozenset(
        (name, node.lineno)
        for name, tree in named
        if name not in THROUGH
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in SAYING
    )


class Reached:
    """The places that say something from now on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.places: set[Place] = set()
        for name in ("error", "unusable", "warn"):
            monkeypatch.setattr(Findings, name, self._noting(getattr(Findings, name)))

    def _noting(self, method: Any) -> Any:
        def noted(findings: Findings, *arguments: Any, **named: Any) -> None:
            frame = sys._getframe(1)
            while _file(frame) in THROUGH and frame.f_back is not None:
                frame = frame.f_back
            self.places.add((_file(frame), frame.f_lineno))
            method(findings, *arguments, **named)

        return noted


def _file(frame: Any) -> str:
    path = Path(frame.f_code.co_filename)
    return path.relative_to(PACKAGE).as_posix() if path.is_relative_to(PACKAGE) else str(path)


def _judge(edits: Edits, facts: Facts) -> None:
    with contextlib.suppress(InvalidInput):
        plan_from(edited(edits), facts)


def _facts(data: dict[str, Any]) -> Facts:
    return facts_from(data, Findings())


def test_every_place_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    known = load_facts(str(FACTS))
    reached = Reached(monkeypatch)
    for case in CASES:
        _judge(case.edits, known if case.facts else Facts())
    for edits in (*(edits for edits, _ in FOLLOW_UPS), *(edits for _, edits, _ in ADVICE), *OTHERS):
        _judge(edits, Facts())
    for edits, facts in (*((row[0], row[1]) for row in BY_THE_MACHINE), *((row[1], row[2]) for row in BY_FACTS)):
        _judge(edits, _facts(facts))
    assert places() - reached.places == set(), "no case reaches them: give each one, with a twin that is taken"
    assert len(places()) > 150


@pytest.mark.parametrize(("edits", "facts", "twin"), BY_THE_MACHINE, ids=["user", "id", "initramfs"])
def test_the_machine_decides(edits: Edits, facts: dict[str, Any], twin: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        plan_from(edited(edits), _facts(facts))
    assert plan_from(edited(edits), _facts(twin))


def test_a_place_is_known_by_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    reached = Reached(monkeypatch)
    _judge({f"{VM}.vcpus": 8}, Facts())
    (place,) = reached.places
    assert place in places()
    assert place[0] == "plan/checks/compute.py"
