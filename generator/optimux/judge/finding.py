"""One judgement, and how much hangs on it."""

from __future__ import annotations

from collections.abc import Iterable

from optimux.record import Record

HOLDS, BROKEN, UNSEEN = "holds", "broken", "unseen"
# A card cannot be passed; it can after a change that somebody makes; it can, but not as most users want.
BLOCKS, CHANGE, ADVICE = "blocks", "change", "advice"


class Finding(Record):
    """One precondition, looked at.

    ``key`` names it for programs (``iommu.state``); ``outcome`` is ``HOLDS``, ``BROKEN`` or ``UNSEEN``; ``weight``
    (``BLOCKS``, ``CHANGE`` or ``ADVICE``) says what follows where it does not hold. ``remedy`` is empty where it does.
    """

    key: str
    outcome: str
    found: str
    wanted: str
    remedy: str = ""
    weight: str = CHANGE

    @property
    def is_broken(self) -> bool:
        """Whether it was seen not to hold."""
        return self.outcome == BROKEN


def holds(key: str, found: str, wanted: str) -> Finding:
    """A precondition that was seen to hold."""
    return Finding(key, HOLDS, found, wanted)


def broken(key: str, found: str, wanted: str, remedy: str, weight: str = CHANGE) -> Finding:
    """A precondition that was seen not to hold."""
    return Finding(key, BROKEN, found, wanted, remedy, weight)


def unseen(key: str, found: str, wanted: str, remedy: str, weight: str = ADVICE) -> Finding:
    """A precondition of which nothing can be said."""
    return Finding(key, UNSEEN, found, wanted, remedy, weight)


def blocking(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """What is broken beyond a change on this machine."""
    return tuple(finding for finding in findings if finding.is_broken and finding.weight == BLOCKS)
