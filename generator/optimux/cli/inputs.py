"""What several verbs begin with: a configuration, perhaps facts, and the plan from both."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from optimux.errors import InvalidInput, Problem
from optimux.facts import facts_from
from optimux.files.documents import read_json
from optimux.findings import Findings
from optimux.options.load import read_config
from optimux.plan.model import Plan
from optimux.plan.resolve import plan_from

T = TypeVar("T")


def plan_of(config: str, facts: str | None) -> Plan:
    """The plan. Raises ``InvalidInput`` with the problems of both files."""
    problems: list[Problem] = []
    data = _read(lambda: read_config(config), problems)
    seen = _read(lambda: read_json(facts), problems) if facts is not None else {}
    if problems:
        raise InvalidInput(problems)
    findings = Findings()
    return plan_from(data, facts_from(seen, findings), findings)


def _read(read: Callable[[], T], problems: list[Problem]) -> T | None:
    try:
        return read()
    except InvalidInput as error:
        problems += error.problems
        return None
