"""Frozen values: made, compared, copied, refused."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from optimux.record import Record


class Point(Record):
    """Two coordinates and a name."""

    x: int
    y: int = 0
    name: str = ""


class Named(Point):
    """A point with one more field, and another default."""

    name: str = "named"
    label: str = "l"


class Positive(Record):
    """Checks its range."""

    value: int

    def __post_init__(self) -> None:
        if self.value < 0:
            raise ValueError("negative")


class Twin(Record):
    """The same fields as ``Point``, another type."""

    x: int
    y: int = 0
    name: str = ""


def test_by_position_and_by_name() -> None:
    assert Point(1, 2, "a") == Point(name="a", y=2, x=1) == Point(1, y=2, name="a")
    assert (Point(1).x, Point(1).y, Point(1).name) == (1, 0, "")


@pytest.mark.parametrize(
    ("arguments", "keywords", "said"),
    [
        ((), {}, "missing ['x']"),
        ((1, 2, "a", 3), {}, "takes 3 values, got 4"),
        ((1,), {"x": 1}, "['x'] given twice"),
        ((1,), {"z": 1}, "unknown ['z']"),
    ],
)
def test_wrong_fields(arguments: tuple[Any, ...], keywords: dict[str, Any], said: str) -> None:
    with pytest.raises(TypeError) as caught:
        Point(*arguments, **keywords)
    assert said in str(caught.value)


def test_inherited_fields() -> None:
    point = Named(x=1, label="l")
    assert (point.x, point.y, point.name, point.label) == (1, 0, "named", "l")
    assert Point(1).name == ""


def test_frozen() -> None:
    point = Point(1)
    with pytest.raises(AttributeError, match="Point is frozen"):
        point.x = 2  # type: ignore[misc]
    with pytest.raises(AttributeError, match="Point is frozen"):
        del point.x
    with pytest.raises(AttributeError, match="Point is frozen"):
        point.z = 2
    assert point == Point(1)


def test_equality_is_by_type_and_value() -> None:
    assert Point(1) == Point(1)
    assert Point(1) != Point(2)
    assert Point(1) != Twin(1)
    assert Point(1) != Named(x=1, label="")
    assert Point(1) != (1, 0, "")


def test_hash_is_by_type_and_value() -> None:
    assert len({Point(1), Point(1), Point(2), Twin(1)}) == 3


def test_replace() -> None:
    point = Point(1, 2)
    assert point.replace(y=3) == Point(1, 3)
    assert point == Point(1, 2)
    with pytest.raises(TypeError, match="unknown"):
        point.replace(z=1)  # type: ignore[call-arg] # a checker says it too


def test_ranges_are_checked_at_every_making() -> None:
    assert Positive(1).replace(value=0) == Positive(0)
    with pytest.raises(ValueError, match="negative"):
        Positive(-1)
    with pytest.raises(ValueError, match="negative"):
        Positive(1).replace(value=-1)


def test_repr_names_every_field() -> None:
    assert repr(Point(1, name="a")) == "Point(x=1, y=0, name='a')"


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_copies_are_equal(duplicate: object) -> None:
    assert callable(duplicate)
    assert duplicate(Named(x=1, label="l")) == Named(x=1, label="l")
