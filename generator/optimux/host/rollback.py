"""What apply did, taken back in the opposite order, byte for byte."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from optimux.errors import OptimuxError
from optimux.host.journal import save
from optimux.host.past import same
from optimux.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from optimux.files.root import Root
    from optimux.files.state import State
    from optimux.host.journal import CommandRun, DomainChange, FileChange, Transaction
    from optimux.host.shell import Shell

    Domains = Callable[[Sequence[DomainChange]], Sequence[str]]


class Conflict(Record):
    """A file that somebody changed since: before us, as we left it, as it is."""

    path: str
    before: State | None
    ours: State | None
    now: State | None


def conflicts(transactions: Sequence[Transaction], root: Root) -> tuple[Conflict, ...]:
    """Of all that would be rolled back, newest first."""
    seen: dict[str, State | None] = {}
    found: dict[str, Conflict] = {}
    for transaction in transactions:
        for change in reversed(transaction.files):
            now = seen[change.path] if change.path in seen else root.look(change.path)
            if not same(now, change.after) and not same(now, change.before):
                found.setdefault(change.path, Conflict(change.path, change.before, change.after, now))
            seen[change.path] = change.before
    return tuple(found.values())


def roll_back(
    transaction: Transaction,
    root: Root,
    shell: Shell,
    *,
    force: bool = False,
    spare: bool = False,
    packages: bool = False,
    domains: Domains | None = None,
    say: Callable[[str], None] = print,
) -> tuple[str, ...]:
    """Undo one apply; the commands that did not do their part. It is undone when this returns, and can be continued
    after a kill at any point. ``domains`` takes VMs in libvirt back.

    Raises ``OptimuxError`` for a file that somebody changed since, unless told to put it back with ``force``, or to
    ``spare`` it and undo the rest.
    """
    found = () if force else conflicts((transaction,), root)
    if spare:
        foreign = {conflict.path for conflict in found}
        transaction = transaction.replace(files=tuple(f for f in transaction.files if f.path not in foreign))
    elif found:
        raise OptimuxError(f"{', '.join(conflict.path for conflict in found)} changed meanwhile. Run it again.")
    transaction = transaction.replace(stage="undoing")
    _save(root, transaction)
    failed = list(domains(transaction.domains)) if domains and transaction.domains else []
    for run in reversed(transaction.commands):
        if run.undo and (run.ended or shell.can(run.offline)) and (run.step != "packages" or packages):
            failed += _run(run.undo, run.offline, shell, say)
    count = _put_back(transaction.files, root, force=force)
    for run in _renewing(transaction.commands, {change.path for change in transaction.files}):
        if _names_what_is_gone(run, root):
            continue
        if run.ended or shell.can(run.offline):
            failed += _run(run.command, run.offline, shell, say)
    if any(run.boots for run in transaction.commands):
        shell.settle()
    if count:
        say(f"put back {count} file{'s' if count != 1 else ''}")
    _save(root, transaction.replace(stage="undone"))
    return tuple(failed)


def _save(root: Root, transaction: Transaction) -> None:
    """Where the disk is full the journal says ``begun`` still: enough to continue, and no reason to stop."""
    with contextlib.suppress(OptimuxError):
        save(root, transaction)


def _put_back(files: Sequence[FileChange], root: Root, *, force: bool) -> int:
    """How many. One that fails stops no other, and is tried again once the others have made room."""
    count, failed = 0, []
    for change in reversed(files):
        try:
            count += _restored(change, root, force=force)
        except OptimuxError:
            failed.append(change)
    return count + sum(_restored(change, root, force=force) for change in failed)


def _renewing(commands: Sequence[CommandRun], changed: set[str]) -> Iterator[CommandRun]:
    """Commands that take into use what was put back."""
    return (run for run in commands if run.after and not run.undo and not changed.isdisjoint(run.after))


def _names_what_is_gone(run: CommandRun, root: Root) -> bool:
    """A command that is given the very file has nothing left to take into use."""
    words = run.command.split()
    return any(path in words and root.look(path) is None for path in run.after)


def _run(command: str, offline: bool, shell: Shell, say: Callable[[str], None]) -> list[str]:
    """The command again, where it failed or was not run."""
    if not shell.can(offline):
        return [command]
    say(f"$ {command}")
    try:
        return [command] if shell.run(command) else []
    except OptimuxError:
        return [command]


def _restored(change: FileChange, root: Root, *, force: bool) -> bool:
    """Whether there was anything to put back."""
    now = root.look(change.path)
    if same(now, change.before):
        done = False
    elif force or same(now, change.after):
        root.restore(change.path, change.before)
        done = True
    else:
        raise OptimuxError(f"{change.path} changed meanwhile. The rest can be rolled back by running this again.")
    root.clear(change.path)
    if change.before is None:
        for folder in reversed(change.folders):
            root.remove_folder(folder)
    return done
