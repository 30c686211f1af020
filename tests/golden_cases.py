"""The golden cases, found by looking: each file of examples/, and each folder of tests/golden/ with a config.toml.

``tests/golden/CASE/expected/`` is the whole bundle; ``facts.json`` beside it, if there, is what is known of the host.
"""

from __future__ import annotations

import tomllib
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

from optimux.emit.bundle import bundle
from optimux.facts import Facts, load_facts
from optimux.plan.model import Plan
from optimux.plan.resolve import plan_from
from optimux.record import Record

CHECKOUT = Path(__file__).parent.parent
EXAMPLES = CHECKOUT / "examples"
GOLDEN = Path(__file__).parent / "golden"

Files = dict[str, bytes]


class Case(Record):
    """A configuration and the folder with what is expected of it."""

    name: str
    config: Path
    folder: Path

    @property
    def expected(self) -> Path:
        """The bundle as it should be."""
        return self.folder / "expected"

    @property
    def is_example(self) -> bool:
        """Whether users read it."""
        return self.config.parent == EXAMPLES

    def data(self) -> Any:
        """The configuration as plain data, a copy of one's own."""
        return deepcopy(_data(self.config))

    def facts(self) -> Facts:
        """What is known of the host, which may be nothing."""
        return _facts(self.folder / "facts.json")

    def plan(self, data: Any = None) -> Plan:
        """The case's plan, or that of other data on the same host. Raises ``InvalidInput``."""
        return plan_from(self.data() if data is None else data, self.facts())

    def bundle(self) -> Files:
        """The case's artifacts by path."""
        return _bundle(self)


@cache
def _data(config: Path) -> Any:
    return tomllib.loads(config.read_text(encoding="utf-8"))


@cache
def _facts(path: Path) -> Facts:
    return load_facts(str(path)) if path.exists() else Facts()


@cache
def _bundle(case: Case) -> Files:
    return artifacts(case.plan())


def artifacts(plan: Plan) -> Files:
    """The bundle's files by path."""
    return {artifact.path: artifact.content for artifact in bundle(plan)}


def find_cases(examples: Path = EXAMPLES, golden: Path = GOLDEN) -> tuple[Case, ...]:
    """Every case, sorted by name."""
    found = [Case(config.stem, config, golden / config.stem) for config in examples.glob("*.toml")]
    found += [Case(config.parent.name, config, config.parent) for config in golden.glob("*/config.toml")]
    return tuple(sorted(found, key=lambda case: case.name))


CASES = find_cases()


def case(name: str) -> Case:
    """The case of a name; ``KeyError`` where there is none."""
    return {case.name: case for case in CASES}[name]
