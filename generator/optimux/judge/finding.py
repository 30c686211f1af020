"""One judgement, and how much hangs on it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

from optimux.record import Record

Outcome = Literal["holds", "broken", "unseen"]
HOLDS: Final = "holds"
BROKEN: Final = "broken"
UNSEEN: Final = "unseen"
# A card cannot be passed; it can after a change that somebody makes; it can, but not as most users want.
Weight = Literal["blocks", "change", "advice"]
BLOCKS: Final = "blocks"
CHANGE: Final = "change"
ADVICE: Final = "advice"


class Finding(Record):
    """One precondition, looked at.

    ``key`` names it for programs (``iommu.state``); ``weight`` says what follows where it does not hold. ``remedy`` is
    empty where it does.
    """

    key: str
    outcome: Outcome
    found: str
    wanted: str
    remedy: str = ""
    weight: Weight = CHANGE

    @property
    def is_broken(self) -> bool:
        """Whether it was seen not to hold."""
        return self.outcome == BROKEN


def holds(key: str, found: str, wanted: str) -> Finding:
    """A precondition that was seen to hold."""
    return Finding(key, HOLDS, found, wanted)


def broken(key: str, found: str, wanted: str, remedy: str, weight: Weight = CHANGE) -> Finding:
    """A precondition that was seen not to hold."""
    return Finding(key, BROKEN, found, wanted, remedy, weight)


def unseen(key: str, found: str, wanted: str, remedy: str, weight: Weight = ADVICE) -> Finding:
    """A precondition of which nothing can be said."""
    return Finding(key, UNSEEN, found, wanted, remedy, weight)


def blocking(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """What is broken beyond a change on this machine."""
    return tuple(finding for finding in findings if finding.is_broken and finding.weight == BLOCKS)
