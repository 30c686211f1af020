"""A former word of an option means the same as today's: one warning in a configuration, the same value for Nix."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lab.nix.evaluator import evaluate, need_lib
from optimux.declare import Choice
from optimux.nix_text import string
from optimux.options.model import Options
from tests.golden_cases import CASES, CHECKOUT, Case, artifacts
from tests.options.places import Place, every_option, places, with_value

FORMER = [
    (path, former, today)
    for path, declared in every_option(Options)
    if isinstance(declared.kind, Choice)
    for former, today in declared.kind.formerly.items()
]
NIX = """
let
  lib = import <nixpkgs/lib>;
  options = (import %s { inherit lib; platform = { }; }).options;
  type = (lib.getAttrFromPath %s options).type;
in (type.merge [ ] [ { file = "a"; value = %s; } ])
"""


def stated(path: str) -> tuple[Case, Place]:
    return next((case, place) for case in CASES for place in places(Options, case.data()) if place.path == path)


def test_there_are_some() -> None:
    assert len(FORMER) >= 3


@pytest.mark.parametrize(("path", "former", "today"), FORMER)
def test_it_means_the_same_and_is_said(path: str, former: str, today: str) -> None:
    case, place = stated(path)
    plans = {word: case.plan(with_value(case.data(), place.keys, word)) for word in (former, today)}
    assert artifacts(plans[former]) == artifacts(plans[today])
    said = [warning for warning in plans[former].warnings if f'"{former}", a former name' in warning.found]
    assert [f'Write "{today}"' in warning.remedy for warning in said] == [True]
    assert not any("former name" in warning.found for warning in plans[today].warnings)


@pytest.mark.parametrize(
    ("path", "former", "today"), [row for row in FORMER if "<" not in row[0] and "[]" not in row[0]]
)
def test_nix_takes_it_for_todays(path: str, former: str, today: str) -> None:
    need_lib()
    file = CHECKOUT / "nixos-modules" / "options.nix"
    keys = "[ " + " ".join(map(string, path.split("."))) + " ]"
    merged: Any = [evaluate("--expr", NIX % (file, keys, string(word))) for word in (former, today)]
    assert merged == [today, today], json.dumps(merged)
