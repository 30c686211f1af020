"""What several verbs begin with: a configuration, perhaps facts, and the plan from both."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from optimux.cli.report import say
from optimux.errors import InvalidInput, Problem
from optimux.facts import Facts, facts_from
from optimux.files.documents import read_json
from optimux.findings import Findings
from optimux.options.load import read_config
from optimux.plan.model import Plan
from optimux.plan.resolve import plan_from

if TYPE_CHECKING:
    from optimux.cli.here import Place

T = TypeVar("T")
C = TypeVar("C", bound=Callable[..., Any])


def place_options(command: C) -> C:
    """--facts, and --here or --elsewhere: what the configuration is checked against."""
    here = click.option(
        "--here/--elsewhere",
        default=None,
        help="Check against this machine, or against none; by default this one where it has the card.",
    )
    facts = click.option("--facts", metavar="FILE", help="What is known of the host (see `optimux schema --facts`).")
    return facts(here(command))


def plan_of(config: str, facts: str | None, place: Place | None = None) -> Plan:
    """The plan. Raises ``InvalidInput`` with the problems of both files.

    Without ``facts``, ``place`` says which machine to look at; ``None`` looks at none and is silent about it.
    """
    if facts is not None and place == "here":
        raise InvalidInput([Problem("--here", "together with --facts", "one of them", "Leave one out.")])
    problems: list[Problem] = []
    data = _read(lambda: read_config(config), problems)
    seen = _read(lambda: read_json(facts), problems) if facts is not None else {}
    if problems:
        raise InvalidInput(problems)
    findings = Findings()
    if facts is not None or place is None:
        return plan_from(data, facts_from(seen, findings), findings)
    return _checked_against(data, place, findings)


def _checked_against(data: Any, place: Place, findings: Findings) -> Plan:
    """The plan with what a machine shows; standard error says what nothing was checked against."""
    from optimux.cli.here import facts_of

    found, unchecked = facts_of(data, place)
    plan = plan_from(data, found or Facts(), findings)
    if unchecked:
        say(f"not checked against a machine: {unchecked}")
    return plan


def _read(read: Callable[[], T], problems: list[Problem]) -> T | None:
    try:
        return read()
    except InvalidInput as error:
        problems += error.problems
        return None
