"""Every kind of value has a place in every other notation."""

from __future__ import annotations

from typing import Any

import pytest

from optimux.declare import Bool, Choice, Int, Kind, ListOf, MapOf, Overrides, Parsed, Scalar, Table, Text
from optimux.declare.renderer import Renderer

EXPECTED = {
    Bool: "bool",
    Int: "int",
    Text: "text",
    Parsed: "text",
    Choice: "choice",
    Scalar: "scalar",
    ListOf: "list_of",
    MapOf: "map_of",
    Table: "table",
    Overrides: "overrides",
}


def names() -> Renderer[str]:
    """A notation in which each kind is the name of the method that was asked."""
    methods = {name: (lambda _self, _kind, name=name: name) for name in EXPECTED.values()}
    made: type[Renderer[str]] = type("Names", (Renderer,), methods)
    return made()


def kinds(of: type[Any] = Kind) -> set[type[Any]]:
    """Every class of kinds that the product has."""
    found: set[type[Any]] = {sub for sub in of.__subclasses__() if sub.__module__.startswith("optimux")}
    return found.union(*map(kinds, found))


@pytest.mark.parametrize("kind", sorted(kinds(), key=str), ids=str)
def test_each_kind_is_rendered(kind: type[Kind[Any]]) -> None:
    wanted = next(EXPECTED[base] for base in kind.__mro__ if base in EXPECTED)
    assert names().of(object.__new__(kind)) == wanted


def test_a_kind_without_a_place() -> None:
    with pytest.raises(NotImplementedError):
        names().of(type("New", (Kind,), {})())
