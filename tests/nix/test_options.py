"""nixos-modules/options.nix: up to date, what the model says, and in the patterns' dialect of Nix."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from lab.errors import Refused
from lab.nix.evaluator import evaluate, need_lib
from optimux.declare import ListOf, MapOf, Parsed, Text
from optimux.nix_text import render, string
from optimux.options.model import Options
from optimux.options.nix import FROM_CONFIG, READ_ONLY, nix_options, nix_value
from optimux.options.posix import posix
from tests.golden_cases import CHECKOUT
from tests.nix.nixos import Case, evaluated
from tests.options.places import every_option

if TYPE_CHECKING:
    from pathlib import Path

    from optimux.declare import Kind

FILE = CHECKOUT / "nixos-modules" / "options.nix"
# What the tests below ask: the declared options, by path, as nixpkgs' documentation has them.
DECLARED = """
let
  lib = import <nixpkgs/lib>;
  platform = lib.genAttrs %s (_: { default = null; });
  module = { options = (import %s { inherit lib platform; }).options; };
  list = lib.optionAttrSetToDocList (lib.evalModules { modules = [ module ]; }).options;
  plain = option: lib.filterAttrs (name: _: lib.elem name [ "description" "type" "default" "example" ]) option;
in lib.listToAttrs (map (option: lib.nameValuePair option.name (plain option)) list)
"""


JUDGE = "map (row: builtins.match (builtins.head row) (builtins.elemAt row 1) != null)"
ASCII = st.characters(codec="ascii", exclude_characters="\0")


def patterns() -> list[str]:
    """Every pattern of the model."""
    found: dict[str, None] = {}
    for _, declared in every_option(Options):
        _collect(declared.kind, found)
    return list(found)


def _collect(kind: Kind[Any], found: dict[str, None]) -> None:
    if isinstance(kind, Text | Parsed):
        found.setdefault(kind.pattern)
    if isinstance(kind, ListOf | MapOf):
        _collect(kind.item, found)
    if isinstance(kind, MapOf):
        _collect(kind.key, found)


def test_the_file_is_fresh() -> None:
    fresh = nix_options(Options)
    assert FILE.read_text(encoding="utf-8") == fresh, (
        "run: ./dev optimux schema --format nix > nixos-modules/options.nix"
    )


def test_it_declares_every_option_with_its_words() -> None:
    need_lib()
    names = "[ " + " ".join(string(path.partition(".")[2]) for path in FROM_CONFIG) + " ]"
    found = evaluate("--expr", DECLARED % (names, FILE))
    declared = {path.replace("[]", ".*"): option for path, option in every_option(Options)}
    tables = {path for path in declared if any(other.startswith(f"{path}.") for other in declared)}
    missing = declared.keys() - tables - found.keys()
    assert missing == set()
    for path in declared.keys() & found.keys():
        assert declared[path].doc in found[path]["description"], path
        assert ("example" in found[path]) == (declared[path].example is not None and ".lookingGlass." not in path[3:])


def test_an_unknown_option_is_refused(tmp_path: Path) -> None:
    misspelt = {"a": {"memory": "1GiB", "memry": "1GiB"}}
    case = Case({"host": {"cpuVendor": "intel"}}, settings={"vms": misspelt})
    with pytest.raises(Refused, match="memry"):
        evaluated([case], tmp_path)


@pytest.mark.parametrize("path", READ_ONLY)
def test_what_the_system_says_is_read_only(path: str, tmp_path: Path) -> None:
    key = path.partition(".")[2]
    case = Case({}, settings={"host": {"cpuVendor": "intel", key: "9.9"}})
    with pytest.raises(Refused, match=f"{key}.*(read-only|not of type)"):
        evaluated([case], tmp_path)


@hypothesis_settings(max_examples=25, deadline=None)
@given(st.data())
def test_patterns_mean_the_same_to_nix(data: st.DataObject) -> None:
    """Texts that match, and the same with one letter changed: Nix and Python judge alike."""
    texts = []
    for pattern in patterns():
        if posix(pattern) is None:
            continue
        text = data.draw(st.from_regex(pattern, fullmatch=True, alphabet=ASCII))
        position = data.draw(st.integers(0, len(text)))
        letter = data.draw(st.sampled_from(list("aZ0 -._/\\\n\t,:[]^$")))
        texts += [(pattern, text), (pattern, text[:position] + letter + text[position + 1 :])]
    rows = [[posix(pattern), text] for pattern, text in texts]
    judged = evaluate("--expr", f"{JUDGE} (builtins.fromJSON {string(json.dumps(rows))})")
    for (pattern, text), theirs in zip(texts, judged, strict=True):
        weaker = pattern.startswith("(?!")
        ours = re.fullmatch(pattern, text) is not None
        assert theirs == ours or (weaker and theirs), (pattern, text)


@pytest.mark.parametrize(
    ("pattern", "same"),
    [
        (r"[\s\S]*", None),
        (r"(?s:.*)", None),
        (r"[^\s./\\]", "[^[:space:]./\\]"),
        (r"a\.b\$", r"a\.b\$"),
        (r"[A-Za-z\-_]+", "[A-Za-z_-]+"),
        (r"[\]a]", "[]a]"),
        (r"(?!00)[0-9]", "[0-9]"),
    ],
)
def test_posix(pattern: str, same: str | None) -> None:
    assert posix(pattern) == same


@pytest.mark.parametrize("pattern", [r"(?:a)", r"\d", r"\w+", r"\S"])
def test_what_posix_cannot_say_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="not to be written for Nix"):
        posix(pattern)


def test_values() -> None:
    value = {"a b": [None, True, -1, "${x}"]}
    assert evaluate("--expr", render(nix_value(value))) == value
