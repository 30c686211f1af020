"""No input ends in a traceback: whatever stands in the file, the result is a bundle or an explained refusal."""

from __future__ import annotations

import datetime
import json
import math
from copy import deepcopy
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from optimux.cli import run
from optimux.emit.artifact import Artifact
from optimux.emit.bundle import bundle
from optimux.errors import InvalidInput, Problem
from optimux.facts import Facts, load_facts
from optimux.plan.resolve import plan_from
from tests.bad_input.edits import CHECKOUT, EXAMPLE, FACTS, VM, edited

if TYPE_CHECKING:
    from pathlib import Path

# capsys and tmp_path are per test, not per example: they are read out, and the folder is written again.
THOROUGH = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
OTHER = CHECKOUT / "examples" / "omen-17-2023.toml"
KNOWN = load_facts(str(FACTS))

TRAPS: tuple[Any, ...] = (
    *(None, True, 0, -1, 1.5, math.nan, math.inf, 2**63, 10**4000, "", "/", "..", "a\nb", "\0", "\ud800", "\U0001f600"),
    *(
        "x" * 5000,
        "0000:00:00.0",
        "0000:01:00.7",
        "10de:249d",
        "999999999999TiB",
        "1KiB",
        "12.2",
        "99999.0",
        "0-3",
        "3-1",
    ),
    *("<a/>", "&a;", "'", '"', "{}", "$HOME", "/etc/a", "/a b", "/a,b", "auto", "rtx3070", "00", "9999"),
    *([], {}, [[]], [None], {"": 1}, {"a": {"a": {}}}, [{}], [1, "a"]),
    *(datetime.date(2026, 1, 1), datetime.time(1), datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)),
)
KEYS = st.sampled_from(["", "memory", "gpu", "functions", "a.b", "../a", "\ud800", "é", "x" * 300]) | st.text(
    max_size=8
)
SCALARS = st.sampled_from(TRAPS) | st.text(max_size=20) | st.integers() | st.floats() | st.dates() | st.booleans()
# Copies, because what is put into a configuration may be changed there.
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3)
).map(deepcopy)


def _places(data: Any) -> list[tuple[Any, Any]]:
    """Every container with each of its keys or indices."""
    if isinstance(data, dict):
        items: list[tuple[Any, Any]] = list(data.items())
    elif isinstance(data, list):
        items = list(enumerate(data))
    else:
        return []
    return [(data, key) for key, _ in items] + [place for _, item in items for place in _places(item)]


@st.composite
def mutants(draw: st.DrawFn) -> Any:
    """A good configuration with a few values replaced, removed or put in anywhere."""
    data = edited({})
    if draw(st.booleans()):
        data["vms"]["Other"] = draw(st.sampled_from([{"memory": "1GiB"}, edited({})["vms"]["Windows11"]]))
    for _ in range(draw(st.integers(1, 4))):
        container, key = draw(st.sampled_from(_places(data) or [(data, "host")]))
        match draw(st.sampled_from(["replace", "remove", "insert"])):
            case "replace":
                container[key] = draw(VALUES)
            case "remove":
                container.pop(key, None) if isinstance(container, dict) else container.pop(key)
            case "insert" if isinstance(container, dict):
                container[draw(KEYS)] = draw(VALUES)
            case _:
                container.insert(0, draw(VALUES))
    return data


def _attempt(data: Any, facts: Facts) -> tuple[Problem, ...] | tuple[Artifact, ...]:
    try:
        return bundle(plan_from(data, facts))
    except InvalidInput as refusal:
        return refusal.problems


def _resolve(data: Any, facts: Facts) -> None:
    """A bundle whose documents are well-formed and whose paths stay inside, or a refusal with words in it."""
    results = _attempt(data, facts)
    assert results
    for result in results:
        if isinstance(result, Problem):
            assert result.found and result.allowed and result.remedy  # noqa: PT018 - one claim: it has words
            assert str(result).encode()  # no surrogates: printable anywhere
        else:
            assert not {"", ".", ".."} & set(result.path.split("/"))
            if result.path.startswith("domains/"):
                ElementTree.fromstring(result.content)
    artifacts = [result.path for result in results if isinstance(result, Artifact)]
    assert len(set(artifacts)) == len(artifacts)


@given(data=mutants(), facts=st.sampled_from([Facts(), KNOWN]))
@THOROUGH
def test_mutants_of_a_good_configuration(data: Any, facts: Facts) -> None:
    _resolve(data, facts)


@given(data=VALUES)
@THOROUGH
def test_any_data(data: Any) -> None:
    _resolve(data, Facts())


def _runs(config: Path, folder: Path, capsys: pytest.CaptureFixture[str], *options: str) -> int:
    capsys.readouterr()
    code = run(["generate", str(config), "-o", str(folder / "out"), "--force", *options])
    said = capsys.readouterr().err
    assert code in (0, 2), said
    assert "Traceback" not in said
    assert "defect" not in said
    assert (code == 2) == ("error:" in said)
    return code


GOOD = EXAMPLE.read_bytes()


@given(content=st.binary(max_size=400) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
@example(content=b"")
@example(content=GOOD)
@THOROUGH
def test_any_bytes(content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config.toml").write_bytes(content)
    assert (_runs(tmp_path / "config.toml", tmp_path, capsys) == 0) == (content == GOOD)


@given(
    start=st.integers(0, len(GOOD)),
    length=st.integers(0, 40),
    put=st.sampled_from(
        [b"", b'"', b"'''", b"[", b"]]", b"{", b"\n", b"\r", b"\0", b"=", b"\xff", b"1979-05-27", b"nan"]
    ),
)
@THOROUGH
def test_damaged_text(start: int, length: int, put: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config.toml").write_bytes(GOOD[:start] + put + GOOD[start + length :])
    _runs(tmp_path / "config.toml", tmp_path, capsys)


@given(data=mutants())
@settings(THOROUGH, max_examples=100)
def test_the_whole_command_on_mutants(data: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config.json").write_text(json.dumps(data, default=str))
    _runs(tmp_path / "config.json", tmp_path, capsys)


@given(data=VALUES | st.fixed_dictionaries({"devices": st.lists(VALUES, max_size=3), "cpu": VALUES}))
@THOROUGH
def test_any_facts(data: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "facts.json").write_text(json.dumps(data, default=str))
    _runs(EXAMPLE, tmp_path, capsys, "--facts", str(tmp_path / "facts.json"))


def test_a_number_that_python_does_not_print() -> None:
    with pytest.raises(InvalidInput) as caught:
        plan_from(edited({f"{VM}.vcpus": 10**5000}))
    assert caught.value.problems[0].found == "a number of thousands of digits"


def test_the_unchanged_configurations_are_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The twin: were everything refused, all of the above would hold."""
    assert _runs(EXAMPLE, tmp_path, capsys) == 0
    assert _runs(OTHER, tmp_path, capsys) == 0
