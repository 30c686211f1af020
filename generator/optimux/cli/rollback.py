"""``optimux rollback``: what apply did, undone."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from optimux.cli.another_root import another_root
from optimux.cli.difference import write_difference
from optimux.cli.report import DONE, FAILED, say
from optimux.cli.verb import Verb
from optimux.errors import OptimuxError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optimux.files.root import Root
    from optimux.files.state import State
    from optimux.host.journal import Transaction
    from optimux.host.rollback import Conflict

EXAMPLES = """\b
Examples:
  optimux rollback --list               what was done when
  optimux rollback                      show, ask, undo everything that apply did
  optimux rollback --last --yes         only the last apply
  optimux rollback --force              also where files were changed since
"""


@click.command("rollback", cls=Verb, epilog=EXAMPLES)
@click.option("--list", "lists", is_flag=True, help="Show what was done when; change nothing.")
@click.option("--last", is_flag=True, help="Undo only the last apply.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--force", is_flag=True, help="Put back also what was changed since.")
@click.option("--packages", is_flag=True, help="Also remove the packages that apply installed.")
@click.option("--root", metavar="DIR", help="Another root than /, such as a mounted image.")
@click.option("--chroot", is_flag=True, help="With --root: run within it the commands that need no running system.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def command(
    lists: bool,
    last: bool,
    yes: bool,
    force: bool,
    packages: bool,
    root: str | None,
    chroot: bool,
    as_json: bool,
) -> int:
    """Undo what apply did, the last first: files byte for byte, groups, services, kernel parameters, VMs in libvirt.

    Where a file was changed since, nothing is undone: the file as it was, as apply left it and as it is are shown.
    """
    from optimux.files.root import Root
    from optimux.host.journal import transactions
    from optimux.host.lock import locked
    from optimux.host.shell import Shell

    place = another_root(root, chroot=chroot)
    if place is None and os.geteuid() != 0 and not lists:
        raise OptimuxError("rollback takes root. Nothing was changed. Run it with sudo.")
    with Root(Path(place or "/")) as files:
        if lists:
            return _list(transactions(files), as_json=as_json)
        with locked(files):
            active = [each for each in reversed(transactions(files)) if each.stage != "undone"]
            if not active:
                _report(as_json, [], [])
                say("nothing to undo: apply has changed nothing here")
                return DONE
            chosen = active[:1] if last else active
            shell = Shell(place if chroot else None, runs=place is None or chroot)
            if not _may(chosen, files, yes=yes, force=force, as_json=as_json):
                return FAILED
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            return _undo(chosen, files, shell, force=force, packages=packages, as_json=as_json)


def _list(all_of_them: Sequence[Transaction], *, as_json: bool) -> int:
    if as_json:
        import json

        click.echo(json.dumps([_data(each) for each in all_of_them], indent=2))
        return DONE
    for each in all_of_them:
        click.echo(f"{each.number}  {each.at}  {each.stage}  {_summary(each)}")
        for file in each.files:
            click.echo(f"     {_action(file.before, file.after)} {file.path}")
        for run in each.commands:
            click.echo(f"     {'ran' if run.ended else 'to run'} {run.command}")
        for domain in each.domains:
            click.echo(f"     {'updated' if domain.before else 'defined'} {domain.name} in libvirt")
    if not all_of_them:
        say("apply has changed nothing here")
    return DONE


def _data(each: Transaction) -> dict[str, Any]:
    return {
        "number": each.number,
        "at": each.at,
        "stage": each.stage,
        "version": each.version,
        "configuration": each.digest,
        "files": [{"path": f.path, "action": _action(f.before, f.after)} for f in each.files],
        "commands": [{"command": c.command, "step": c.step, "ended": c.ended} for c in each.commands],
        "domains": [domain.name for domain in each.domains],
    }


def _action(before: State | None, after: State | None) -> str:
    return "created" if before is None else "removed" if after is None else "changed"


def _summary(each: Transaction) -> str:
    return f"{len(each.files)} files, {len(each.commands)} commands, {len(each.domains)} VMs"


def _may(chosen: Sequence[Transaction], root: Root, *, yes: bool, force: bool, as_json: bool) -> bool:
    from optimux.host.rollback import conflicts

    found = conflicts(chosen, root)
    for conflict in found:
        _show(conflict)
    if found and not force:
        count = f"{len(found)} file{'s were' if len(found) != 1 else ' was'}"
        raise OptimuxError(
            f"{count} changed since apply wrote {'them' if len(found) != 1 else 'it'}; nothing was undone. Put your "
            "changes elsewhere, or add --force to put back what was there before apply."
        )
    if not as_json:
        _list(chosen, as_json=False)
    if yes:
        return True
    if sys.stdin is None or not sys.stdin.isatty():
        say("nothing was undone: standard input is no terminal to ask on; add --yes")
        return False
    if click.confirm("Undo this?", default=False, err=True):
        return True
    say("nothing was undone")
    return False


def _show(conflict: Conflict) -> None:
    """Three versions, as two differences."""
    say(f"{conflict.path}: changed since apply wrote it")
    before, ours, now = (b"" if s is None else s.content for s in (conflict.before, conflict.ours, conflict.now))
    write_difference(before, ours, conflict.path, ("before apply: ", "as apply left it: "))
    write_difference(ours, now, conflict.path, ("as apply left it: ", "as it is now: "))
    if ours == now:
        say("  its permissions or its owner differ")


def _undo(chosen: Sequence[Transaction], root: Root, shell: Any, *, force: bool, packages: bool, as_json: bool) -> int:
    from optimux.host.apply.domains import take_back
    from optimux.host.rollback import roll_back

    failed: list[str] = []
    for each in chosen:
        failed += roll_back(
            each,
            root,
            shell,
            force=force,
            packages=packages,
            domains=(lambda changes: take_back(changes, force=force)) if shell.runs else None,
            say=say,
        )
        say(f"apply {each.number} of {each.at} is undone")
    _report(as_json, chosen, failed)
    if failed:
        say("this is left to do:" if not shell.runs else "this did not end well:", "" if not shell.runs else "warning")
        for command in dict.fromkeys(failed):
            say(f"  {command}")
    if any(run.step in ("boot-loader", "initramfs") for each in chosen for run in each.commands) and shell.runs:
        say("reboot: the host's own driver has the card from then on")
    return FAILED if failed and shell.runs else DONE


def _report(as_json: bool, undone: Sequence[Transaction], failed: Sequence[str]) -> None:
    if as_json:
        import json

        click.echo(json.dumps({"undone": [each.number for each in undone], "left": list(failed)}, indent=2))
