"""One refusal: the edit that provokes it, what the message must say, and the nearest edit that is accepted."""

from __future__ import annotations

from optimux.record import Record
from tests.bad_input.edits import Edits

Said = tuple[str, str, str, str]  # path, found, allowed, next step: parts of each


class Case(Record):
    """``said`` is all that is said: one entry a problem, in any order. ``facts``: whether the machine is known."""

    name: str
    edits: Edits
    said: tuple[Said, ...]
    twin: Edits
    facts: bool = False


def case(name: str, edits: Edits, *said: Said, twin: Edits, facts: bool = False) -> Case:
    """A case with one entry of what is said after another."""
    return Case(name, edits, said, twin, facts)
