"""What the journal says of the present: which files are ours, what they were before, which commands are still due."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimux.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from optimux.emit.artifact import Step
    from optimux.files.state import State
    from optimux.host.journal import CommandRun, FileChange, Transaction


class Owned(Record):
    """A path that apply has changed: what it was at first, and what it became last."""

    path: str
    original: State | None
    last: State | None
    step: Step


class Past:
    """The transactions that have not been rolled back, oldest first."""

    def __init__(self, transactions: Sequence[Transaction]) -> None:
        self.active = tuple(transaction for transaction in transactions if transaction.stage != "undone")
        self.owned = self._owned()

    def _owned(self) -> dict[str, Owned]:
        found: dict[str, Owned] = {}
        for change in self._files():
            first = found.get(change.path)
            original = first.original if first else change.before
            found[change.path] = Owned(change.path, original, change.after, change.step)
        return found

    def _files(self) -> Iterator[FileChange]:
        for transaction in self.active:
            yield from transaction.files

    def _commands(self) -> Iterator[CommandRun]:
        for transaction in self.active:
            yield from transaction.commands

    def is_unfinished(self, command: str) -> bool:
        """Whether the last that is known of a command is that it did not come to its end."""
        runs = [run.ended for run in self._commands() if run.command == command]
        return bool(runs) and not runs[-1]

    def has(self, command: str) -> bool:
        """Whether it was recorded."""
        return any(run.command == command for run in self._commands())

    def reversible(self) -> tuple[CommandRun, ...]:
        """Commands whose doing stands and can be taken back."""
        runs = list(self._commands())
        taken_back = {run.command for run in runs if run.ended}
        found = {run.command: run for run in runs if run.undo and run.undo not in taken_back}
        return tuple(found.values())


def same(one: State | None, other: State | None) -> bool:
    """Whether two states are one to their users: content, link, permissions, owner and attributes; times may differ.

    What a state leaves open (owner, group) is equal to anything.
    """
    if one is None or other is None:
        return one is other
    mine, theirs = one.metadata, other.metadata
    owners = ((mine.owner, theirs.owner), (mine.group, theirs.group))
    if (one.content, one.link) != (other.content, other.link):
        return False
    if one.link is not None:
        return True
    return mine.mode == theirs.mode and all(a == b for a, b in owners if a is not None and b is not None)
