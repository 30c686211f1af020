"""What a check is, and what it says: a precondition with its reason, and what was seen of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from optimux.judge.finding import BROKEN, HOLDS, UNSEEN
from optimux.record import Record

if TYPE_CHECKING:
    from optimux.host.doctor.look import Look
    from optimux.judge.finding import Outcome

__all__ = ["BROKEN", "HOLDS", "UNSEEN", "Check", "Result", "broken", "check", "holds", "unlogged", "unseen"]


class Result(Record):
    """What was seen of one precondition.

    ``subject`` names the thing where a check looks at several: an address, a path, a VM. ``where`` is the file or the
    program that showed it. ``remedy`` is a sentence, ``command`` the same for a shell, where there is one. ``key``,
    ``wanted`` and ``why`` are the check's own, and stand here for the reader.
    """

    outcome: Outcome
    seen: str
    where: str = ""
    subject: str = ""
    remedy: str = ""
    command: str = ""
    key: str = ""
    wanted: str = ""
    why: str = ""

    def as_data(self) -> dict[str, Any]:
        """The result as ``doctor --json`` prints it."""
        return {
            "check": self.key,
            "subject": self.subject or None,
            "outcome": self.outcome,
            "seen": self.seen,
            "where": self.where or None,
            "wanted": self.wanted,
            "why": self.why,
            "remedy": self.remedy or None,
            "command": self.command or None,
        }


class Check(Record):
    """A precondition. ``looks`` yields a result a subject, and none where nothing of this machine needs it.

    ``of_log`` is whether it reads the kernel's log alone, so that it can be asked of an earlier boot too.
    """

    key: str
    wanted: str
    why: str
    looks: Callable[[Look], Iterable[Result]]
    of_log: bool = False

    def results(self, look: Look) -> list[Result]:
        """What it sees, with its own words."""
        return [
            result.replace(key=self.key, wanted=result.wanted or self.wanted, why=self.why)
            for result in self.looks(look)
        ]


Looks = Callable[["Look"], Iterable[Result]]


def check(key: str, wanted: str, why: str, *, of_log: bool = False) -> Callable[[Looks], Check]:
    """Make a check of the function that looks."""
    return lambda looks: Check(key, wanted, why, looks, of_log)


def holds(seen: str, where: str = "", subject: str = "") -> Result:
    """It was seen to hold."""
    return Result(HOLDS, seen, where, subject)


def broken(seen: str, where: str, remedy: str, command: str = "", subject: str = "") -> Result:
    """It was seen not to hold."""
    return Result(BROKEN, seen, where, subject, remedy, command)


def unseen(seen: str, where: str, remedy: str = "", command: str = "", subject: str = "") -> Result:
    """Nothing can be said from here; ``seen`` says why."""
    return Result(UNSEEN, seen, where, subject, remedy, command)


def for_root(seen: str, where: str, subject: str = "") -> Result:
    """What only root is shown."""
    return unseen(seen, where, "Look as root.", "sudo optimux doctor", subject)


def unlogged(look: Look, subject: str = "") -> Iterator[Result]:
    """That the log cannot be read, where it cannot."""
    if look.log.missing:
        yield for_root(look.log.missing, look.log.where, subject)
