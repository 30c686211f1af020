"""Every key is spelled as keys.txt says: a rename shows in the diff of that file. The JSON Schema says the same."""

from __future__ import annotations

import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from optimux.declare import Parsed
from optimux.errors import InvalidInput, Problem
from optimux.findings import Findings
from optimux.options.load import load, load_partial
from optimux.options.model import Options
from optimux.options.schema import json_schema, kind_schema
from tests.golden_cases import CASES, Case
from tests.options.places import Key, every_option, places
from tests.options.strategies import option_sets, values_of

KEYS = Path(__file__).with_name("keys.txt")
SCHEMA = json_schema(Options, "Optimux")
VALIDATOR = Draft202012Validator(SCHEMA)
EVERY = tuple(every_option(Options))


def schema_accepts(data: Any) -> bool:
    return bool(VALIDATOR.is_valid(data))


def problems(data: Any) -> list[Problem]:
    findings = Findings()
    load_partial(data, findings)
    return findings.problems


def test_the_keys(update_golden: bool) -> None:
    keys = "".join(f"{path}\n" for path in sorted(path for path, _ in EVERY))
    if update_golden:
        KEYS.write_text(keys)
    assert keys == KEYS.read_text(), "a key was renamed, added or removed: run the tests with --update-golden"


def test_keys_are_camel_case() -> None:
    for path, declared in EVERY:
        assert re.fullmatch(r"[a-z][a-zA-Z0-9]*", declared.key), path


class TestSchema:
    def test_is_a_schema(self) -> None:
        Draft202012Validator.check_schema(SCHEMA)
        with pytest.raises(Exception, match="is not valid under any of the given schemas"):
            Draft202012Validator.check_schema(SCHEMA | {"type": "a table"})

    def test_patterns_are_those_of_every_engine(self) -> None:
        """JSON Schema's patterns are JavaScript's: no inline flags, no anchors of Python's own."""
        for pattern in _patterns(SCHEMA):
            assert not re.search(r"\(\?[a-zA-Z<P]|\\[AZ]", pattern), pattern

    @pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
    def test_accepts_the_cases(self, case: Case) -> None:
        assert not list(VALIDATOR.iter_errors(case.data()))

    @pytest.mark.parametrize("data", [{"hosts": {}}, {"vms": {"a": {}}}, {"host": {"cpuVendor": "via"}}, {"vms": []}])
    def test_refuses(self, data: Any) -> None:
        assert not schema_accepts(data)
        assert problems(data)

    @pytest.mark.parametrize(("path", "declared"), EVERY, ids=[path for path, _ in EVERY])
    def test_defaults_and_examples_are_of_the_kind(self, path: str, declared: Any) -> None:
        shown = [] if declared.example is None else [declared.example]
        if declared.default is not None and not declared.required:
            shown.append(declared.kind.written(declared.default))
        for value in shown:
            found = Findings()
            declared.kind.load(value, path, found)
            assert not found.problems
            assert Draft202012Validator(kind_schema(declared.kind)).is_valid(value)


def _patterns(schema: Any) -> list[str]:
    if isinstance(schema, dict):
        own = [schema["pattern"]] if isinstance(schema.get("pattern"), str) else []
        return own + [pattern for value in schema.values() for pattern in _patterns(value)]
    return [pattern for value in schema for pattern in _patterns(value)] if isinstance(schema, list) else []


@pytest.mark.parametrize(("path", "declared"), EVERY, ids=[path for path, _ in EVERY])
@settings(max_examples=4, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_the_strategies_give_values_of_their_kind(data: st.DataObject, path: str, declared: Any) -> None:
    value = data.draw(values_of(declared.kind))
    found = Findings()
    declared.kind.load(value, path, found)
    assert not found.problems
    assert Draft202012Validator(kind_schema(declared.kind)).is_valid(value)


# Wrong for every kind, or for most.
ODDITIES: tuple[Any, ...] = (None, True, -1, 0, 10**9, 1.5, "", "x", "0000:01:00.0", [], ["x"], [{}], {}, {"x": 1})


@settings(max_examples=60, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=option_sets(repaired=False), pick=st.randoms(use_true_random=True))
def test_schema_and_loader_agree(data: Any, pick: Any) -> None:
    """Over whole configurations, and over each with one value replaced, one key renamed, one key dropped."""
    assert schema_accepts(data)
    assert not problems(data)
    keys = [place.keys for place in places(Options, data)]
    for mutant in (_replaced(data, pick.choice(keys), pick.choice(ODDITIES)), _renamed(data, pick.choice(keys))):
        agree(mutant)
    agree(_dropped(data, pick.choice(keys)))


def agree(data: Any) -> None:
    """What the loader takes the schema takes. What the schema takes the loader takes, but for what no pattern can say:
    a value of the right shape that its parser refuses, such as a slot above 1f.
    """
    found = [problem for problem in problems(data) if not _is_parsers(problem)]
    assert schema_accepts(data) == (not found), (found, [error.message for error in VALIDATOR.iter_errors(data)])


def _is_parsers(problem: Problem) -> bool:
    if not problem.found.startswith('"'):
        return False  # a number is no text, whatever its digits look like
    found = problem.found.strip('"')
    kinds = [declared.kind for _, declared in EVERY if isinstance(declared.kind, Parsed)]
    return any(kind.allowed == problem.allowed and re.fullmatch(kind.pattern, found) for kind in kinds)


def _place(data: Any, keys: tuple[Key, ...]) -> tuple[Any, Any]:
    mutant = deepcopy(data)
    holder = mutant
    for key in keys[:-1]:
        holder = holder[key]
    return mutant, holder


def _replaced(data: Any, keys: tuple[Key, ...], value: Any) -> Any:
    mutant, holder = _place(data, keys)
    holder[keys[-1]] = value
    return mutant


def _renamed(data: Any, keys: tuple[Key, ...]) -> Any:
    mutant, holder = _place(data, keys)
    holder[f"{keys[-1]}x"] = holder.pop(keys[-1])
    return mutant


def _dropped(data: Any, keys: tuple[Key, ...]) -> Any:
    mutant, holder = _place(data, keys)
    del holder[keys[-1]]
    return mutant


def test_all_problems_at_once() -> None:
    data = {"host": {"distribution": "gentoo"}, "vms": {"a": {"memory": 3}}, "gpu": {}}
    with pytest.raises(InvalidInput) as refusal:
        load(data)
    assert [problem.path for problem in refusal.value.problems] == ["host.distribution", "vms.a.memory", "gpu"]
