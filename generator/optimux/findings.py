"""What is wrong and what merely surprises, collected while a plan is made."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from typing import TypeVar

from optimux.errors import Problem

P = TypeVar("P")
V = TypeVar("V", bound=Hashable)


def doubled(places: Iterable[tuple[P, V]]) -> Iterator[tuple[P, V, P]]:
    """Each place whose value stood at an earlier one: the place, the value, and the first place that has it."""
    first: dict[V, P] = {}
    for place, value in places:
        if value in first:
            yield place, value, first[value]
        else:
            first[value] = place


class Findings:
    """Grows while the input is looked at; nothing stops at the first problem."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []

    def error(self, path: str, found: object, allowed: str, remedy: str) -> None:
        """The input cannot be used."""
        self.problems.append(Problem(path, str(found), allowed, remedy))

    def warn(self, path: str, found: object, allowed: str, remedy: str) -> None:
        """The input works, but not as most users want."""
        self.warnings.append(Problem(path, str(found), allowed, remedy))
