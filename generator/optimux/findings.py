"""What is wrong with the input and what merely surprises, collected while it is read and while a plan is made."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Iterator
from typing import TypeVar

from optimux.errors import InvalidInput, Problem

P = TypeVar("P")
V = TypeVar("V", bound=Hashable)
# Input that is wrong more often is not what was meant. The rest is counted, and no plan is made of it.
MOST_KEPT = 1_000
_STEP = re.compile(r'"[^"]*"|[.\[]')


def doubled(places: Iterable[tuple[P, V]]) -> Iterator[tuple[P, V, P]]:
    """Each place whose value stood at an earlier one: the place, the value, and the first place that has it."""
    first: dict[V, P] = {}
    for place, value in places:
        if value in first:
            yield place, value, first[value]
        else:
            first[value] = place


class Findings:
    """Grows while the input is looked at; nothing stops at the first problem.

    What cannot be read is replaced, by its default or by an example, so that the rest can still be judged. Its place
    is remembered as lost: complaints about it, or that name it as one of their causes, only follow and are not kept.
    """

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self.count = 0
        self._lost: set[str] = set()
        self._around: set[str] = set()

    def error(self, path: str, found: object, allowed: str, remedy: str, because: Iterable[str] = ()) -> None:
        """The input cannot be used as it is. ``because`` are the paths of the other values that it was judged by."""
        if not self._lost or not any(map(self._is_lost, (path, *because))):
            self._keep(path, found, allowed, remedy)

    def unusable(self, path: str, found: object, allowed: str, remedy: str) -> None:
        """What stands at ``path`` cannot be read, or is missing: nobody knows what was meant."""
        self._keep(path, found, allowed, remedy)
        self.lose(path)

    def _keep(self, path: str, found: object, allowed: str, remedy: str) -> None:
        self.count += 1
        if len(self.problems) < MOST_KEPT:
            self.problems.append(Problem(path, str(found), allowed, remedy))

    def lose(self, path: str) -> None:
        """What was meant at ``path`` is not known, for a reason that is told elsewhere."""
        if self.overflows:
            return
        self._lost.add(path)
        self._around.update(_outer(path))

    def warn(self, path: str, found: object, allowed: str, remedy: str) -> None:
        """The input works, but not as most users want."""
        if len(self.warnings) < MOST_KEPT:
            self.warnings.append(Problem(path, str(found), allowed, remedy))

    @property
    def overflows(self) -> bool:
        """Whether more is wrong than is kept."""
        return self.count > MOST_KEPT

    def refuse(self) -> None:
        """Raise ``InvalidInput`` with every problem, where there is one."""
        if self.problems:
            raise InvalidInput(self.problems, self.count)

    def _is_lost(self, path: str) -> bool:
        """Whether ``path`` is lost, or something in it or around it."""
        return path in self._around or path in self._lost or not self._lost.isdisjoint(_outer(path))


def _outer(path: str) -> list[str]:
    """The paths around one, outermost first: ``a`` and ``a.b`` for ``a.b[0]``."""
    return [path[: step.start()] for step in _STEP.finditer(path) if step[0] in ".[" and step.start()]
