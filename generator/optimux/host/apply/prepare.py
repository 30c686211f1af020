"""From the plan's entries to what has to change: nothing is written here."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from optimux.emit.artifact import HostCommand, HostFile, HostLines
from optimux.emit.boot_loader.fallback import SUFFIX
from optimux.emit.merge import merged
from optimux.errors import InvalidInput, OptimuxError, Problem
from optimux.files.state import Metadata, State
from optimux.host.journal import FileChange
from optimux.host.past import same
from optimux.record import Record

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence, Set

    from optimux.emit.artifact import HostEntry
    from optimux.files.root import Root
    from optimux.host.past import Past
    from optimux.host.shell import Shell

_ROOT = 0


class Change(Record):
    """A file that is to become another, and why."""

    file: FileChange
    purpose: str


class Prepared(Record):
    """What differs. ``unreadable`` are files that only root may read: what would be merged is known, not into what.
    ``pending`` are commands for a system that does not run, which an earlier apply has left to it.
    """

    changes: tuple[Change, ...] = ()
    commands: tuple[HostCommand, ...] = ()
    pending: tuple[HostCommand, ...] = ()
    unreadable: tuple[HostFile | HostLines, ...] = ()
    left: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether the host is as the plan wants it."""
        return not (self.changes or self.commands or self.unreadable)


def prepare(
    entries: Sequence[HostEntry], root: Root, past: Past, only: Collection[str], shell: Shell, begins: str
) -> Prepared:
    """Look at everything that the entries speak of. ``only``: the steps to look at.

    ``begins`` are the words of the running kernel's command line. Raises
    ``InvalidInput`` with every place where something lies that apply does not replace.
    """
    chosen = [entry for entry in entries if entry.step in only]
    files = [entry for entry in each_file(entries, root) if entry.step in only]
    changes, unreadable, problems = _differing(files, root, past, begins)
    wanted = {entry.path for entry in each_file(entries, root)}
    obsolete, left = _obsolete(wanted, root, past, only)
    if problems:
        raise InvalidInput(problems)
    changed = {change.file.path for change in (*changes, *obsolete)}
    commands = [entry for entry in chosen if isinstance(entry, HostCommand) and not entry.by_hand]
    due = list(_due(commands, changed | {entry.path for entry in unreadable}, past, shell))
    due = [*_stale(entries, past, only), *due]
    left += _told(chosen)
    pending = [command for command in due if not shell.can(command.offline) and past.has(command.command)]
    due = [_sparing(command, shell) for command in due if command not in pending]
    return Prepared((*obsolete, *changes), tuple(due), tuple(pending), tuple(unreadable), tuple(left))


def each_file(entries: Sequence[HostEntry], root: Root) -> list[HostFile | HostLines]:
    """The files of the entries; a pattern becomes each file that it matches, but for the copies that are fallbacks."""
    found: list[HostFile | HostLines] = []
    for entry in entries:
        if isinstance(entry, HostLines) and "*" in entry.path:
            found += [entry.replace(path=path) for path in _matches(entry.path, root)]
        elif not isinstance(entry, HostCommand):
            found.append(entry)
    return found


def _matches(pattern: str, root: Root) -> list[str]:
    from fnmatch import fnmatchcase

    folder, _, names = pattern.rpartition("/")
    try:
        with root.folder(folder) as opened:
            there = opened.names()
    except (OptimuxError, OSError):
        return []
    return [f"{folder}/{name}" for name in there if fnmatchcase(name, names) and SUFFIX not in name]


def _differing(
    files: Sequence[HostFile | HostLines], root: Root, past: Past, begins: str
) -> tuple[list[Change], list[HostFile | HostLines], list[Problem]]:
    changes: list[Change] = []
    unreadable: list[HostFile | HostLines] = []
    problems: list[Problem] = []
    for entry in files:
        try:
            present = root.look(entry.path)
        except OptimuxError as error:
            if os.geteuid() == _ROOT:
                problems.append(Problem(entry.path, str(error), "a plain file, or nothing", _MOVE))
            else:
                unreadable.append(entry)
            continue
        if present is not None and present.link is not None:
            found = f"a symbolic link to {present.link}"
            problems.append(Problem(entry.path, found, "a plain file, or nothing", _MOVE))
            continue
        after = _after(entry, present, past, begins)
        if (present is None and after.content) or (present is not None and not same(after, present)):
            folders = root.missing_folders(entry.path) if present is None else ()
            changes.append(Change(FileChange(entry.path, present, after, folders, entry.step), entry.purpose))
    return changes, unreadable, problems


def _told(entries: Sequence[HostEntry]) -> list[str]:
    """What nobody but the user can do: a command that is a comment."""
    by_hand = (entry for entry in entries if isinstance(entry, HostCommand) and entry.by_hand)
    return [f"{entry.purpose}: {entry.command[2:]}" for entry in by_hand if entry.command.startswith("# ")]


_MOVE = "Look who made it; move it away, or put a plain file in its place."


def _after(entry: HostFile | HostLines, present: State | None, past: Past, begins: str) -> State:
    kept = present.metadata.attributes if present else {}
    if isinstance(entry, HostFile):
        return State(entry.data, _metadata(entry).replace(attributes=kept))
    base = _base(entry.path, present, past)
    if base is None and entry.begins:
        # Begun by us, and not anew: what runs by now may be the entry without our words, or one with others.
        base = present
    text = base.content.decode("utf-8", "surrogateescape") if base else begins if entry.begins else ""
    content = merged(text, entry).encode("utf-8", "surrogateescape")
    if present and content == present.content:
        return present
    return State(content, present.metadata.replace(times=None) if present else _metadata(entry))


def _base(path: str, present: State | None, past: Past) -> State | None:
    """What the user's file was before us, where nobody has touched it since; else what it is."""
    owned = past.owned.get(path)
    return owned.original if owned and same(owned.last, present) else present


def _metadata(entry: HostFile | HostLines) -> Metadata:
    if os.geteuid() != _ROOT:
        return Metadata(entry.mode)
    owner, group = entry.owner.split(":")
    if (owner, group) == ("root", "root"):
        return Metadata(entry.mode, _ROOT, _ROOT)
    import grp
    import pwd

    return Metadata(entry.mode, pwd.getpwnam(owner).pw_uid, grp.getgrnam(group).gr_gid)


def _obsolete(wanted: Collection[str], root: Root, past: Past, only: Collection[str]) -> tuple[list[Change], list[str]]:
    """What an earlier plan wanted and this one does not: back to what it was, unless somebody changed it since."""
    changes, left = [], []
    for owned in past.owned.values():
        if owned.path in wanted or owned.step not in only:
            continue
        present = root.look(owned.path)
        if same(present, owned.original):
            continue
        if same(present, owned.last):
            change = FileChange(owned.path, present, owned.original, (), owned.step)
            changes.append(Change(change, "no longer part of the plan: as it was before"))
        else:
            left.append(f"{owned.path} is no longer part of the plan, and was changed since: left as it is")
    return changes, left


def _due(commands: Sequence[HostCommand], changed: Set[str], past: Past, shell: Shell) -> Iterator[HostCommand]:
    asked = [command for command in commands if command.unless]
    held = dict(zip((command.command for command in asked), shell.holds([c.unless for c in asked]), strict=True))
    for command in commands:
        if command.command in held:
            due = not held[command.command]
        else:
            due = not changed.isdisjoint(command.after) or past.is_unfinished(command.command)
        if due:
            yield command


def _sparing(command: HostCommand, shell: Shell) -> HostCommand:
    """The command, whose undo leaves the words that are there already."""
    if not command.words:
        return command
    from shlex import quote

    held = shell.holds([command.has_word.format(quote(word)) for word in command.words])
    ours = [word for word, there in zip(command.words, held, strict=True) if not there]
    return command.replace(undo="; ".join(command.undo_word.format(quote(word)) for word in ours))


def _stale(entries: Sequence[HostEntry], past: Past, only: Collection[str]) -> list[HostCommand]:
    """Commands of an earlier plan that this one does without: taken back."""
    wanted = {entry.command for entry in entries if isinstance(entry, HostCommand)}
    return [
        HostCommand(run.undo, f"no longer part of the plan: takes back `{run.command}`")
        for run in past.reversible()
        if run.command not in wanted and run.step in only and run.step != "packages"
    ]
