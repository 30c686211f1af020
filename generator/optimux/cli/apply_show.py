"""What apply says: the differences before, what was done after."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING, Any

import click

from optimux.cli.difference import difference, write_difference
from optimux.cli.report import DONE, FAILED, say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optimux.cli.apply_domains import Vms
    from optimux.cli.apply_request import Request
    from optimux.files.state import State
    from optimux.host.apply.prepare import Change, Prepared
    from optimux.host.apply.survey import Survey
    from optimux.host.journal import Transaction

_REBOOT_STEPS = ("boot-loader", "initramfs", "modules")


def show(request: Request, found: Survey, vms: Vms, digest: str) -> None:
    """Everything that would be done, on standard output; with ``--json`` only at the end."""
    if request.as_json:
        if request.dry_run:
            _print_json(request, found, vms, digest, "would change", None)
        return
    if found.missing and found.installs:
        _title("packages", "installs what the VMs need")
        click.echo(f"    $ {found.missing.install}")
    for change in found.prepared.changes:
        _show_change(change)
    for entry in found.prepared.unreadable:
        _title(entry.step, f"{entry.path}, which only root may read: {entry.purpose}")
    for command in found.prepared.commands:
        _title(command.step, command.purpose)
        click.echo(f"    $ {command.command}")
    for step in vms.steps:
        if step.action != "keep":
            _title("domains", f"{step.action}s {step.name} in libvirt")
            write_difference((step.before or "").encode(), step.after.encode(), f"{step.name}.xml")
    _say_left(found)
    if vms.left and found.missing is None:
        vms.say_left()
    if request.dry_run:
        _say_pending(found)
        say(f"nothing was changed; `--yes --plan {digest}` does just this")


def _title(step: str, purpose: str) -> None:
    click.echo(f"{_bold(step)}  {purpose}")


def _bold(text: str) -> str:
    import os

    return f"\x1b[1m{text}\x1b[0m" if sys.stdout.isatty() and not os.environ.get("NO_COLOR") else text


def _show_change(change: Change) -> None:
    file = change.file
    _title(file.step, change.purpose)
    for line in _about(file.before, file.after):
        click.echo(f"    {file.path}: {line}")
    write_difference(_content(file.before), _content(file.after), file.path)


def _about(before: State | None, after: State | None) -> Iterator[str]:
    """What a difference of lines does not say."""
    if after is None:
        yield "removed"
    elif before is None:
        yield f"new, mode {after.metadata.mode:04o}"
    elif before.metadata.mode != after.metadata.mode:
        yield f"mode {before.metadata.mode:04o} becomes {after.metadata.mode:04o}"
    elif before.content == after.content:
        yield "owned by another user, becomes root's"


def _content(state: State | None) -> bytes:
    return b"" if state is None else state.content


def _say_left(found: Survey) -> None:
    for words in found.prepared.left:
        say(words, "warning")


def show_what_differs(shown: Prepared, now: Prepared) -> None:
    """What the packages that came have changed about what was shown."""
    known = {(change.file.path, _content(change.file.before)) for change in shown.changes}
    news = [change for change in now.changes if (change.file.path, _content(change.file.before)) not in known]
    if news:
        say("with these packages there, this differs from what was shown:")
    for change in news:
        _show_change(change)


def agreed(digest: str) -> bool:
    """Ask on a terminal; elsewhere only --yes applies."""
    if sys.stdin is None or not sys.stdin.isatty():
        say(f"nothing was changed: standard input is no terminal to ask on; add --yes, or --yes --plan {digest}")
        return False
    if click.confirm("Do this?", default=False, err=True):
        return True
    say("nothing was changed")
    return False


def nothing(request: Request, found: Survey, vms: Vms, digest: str) -> int:
    """The host is as the plan wants it."""
    if request.as_json:
        _print_json(request, found, vms, digest, "unchanged", None)
    _say_left(found)
    vms.say_left()
    say("nothing to do: the host is as the configuration wants it")
    _say_pending(found)
    return FAILED if vms.left else DONE


def done(request: Request, found: Survey, transaction: Transaction, vms: Vms) -> None:
    """What was done, and what is to be done next."""
    if request.as_json:
        _print_json(request, found, vms, "", "changed", transaction)
    count = len(transaction.files)
    words = ["optimux", "rollback", *(("--root", request.place) if request.place else ())]
    undo = shlex.join([*words, *(("--chroot",) if request.chroot else ())])
    say(f"apply {transaction.number}: {count} file{'s' if count != 1 else ''} changed; `{undo}` undoes it")
    _say_left(found)
    _say_pending(found)
    vms.say_left()
    if found.installs and any(command.step == "groups" for command in found.prepared.commands):
        say("new groups are there from the next login on")
    if request.place is None and _wants_reboot(transaction):
        say("reboot, then ask `optimux doctor` whether it came true")


def _say_pending(found: Survey) -> None:
    """Commands for a system that does not run now."""
    prepared = found.prepared
    commands = [found.missing.install] if found.missing and not found.installs else []
    left = (c for c in prepared.commands if not found.shell.can(c.offline))
    commands += [c.command for c in (*prepared.pending, *left)]
    if commands:
        say("to run in that system; `optimux apply` there does it, --chroot those that need it not to run:")
        for command in commands:
            say(f"  {command}")


def _wants_reboot(transaction: Transaction) -> bool:
    steps = {run.step for run in transaction.commands} | {file.step for file in transaction.files}
    return not steps.isdisjoint(_REBOOT_STEPS)


def _print_json(
    request: Request, found: Survey, vms: Vms, digest: str, outcome: str, transaction: Transaction | None
) -> None:
    import json

    data = _data(found, vms) | {
        "outcome": outcome,
        "plan": digest or None,
        "root": request.place or "/",
        "transaction": transaction.number if transaction else None,
        "reboot": bool(transaction and request.place is None and _wants_reboot(transaction)),
    }
    click.echo(json.dumps(data, indent=2, ensure_ascii=False))


def _data(found: Survey, vms: Vms) -> dict[str, Any]:
    prepared = found.prepared
    return {
        "packages": list(found.missing.names) if found.missing else [],
        "files": [_file(change) for change in prepared.changes],
        "commands": [{"command": c.command, "step": c.step, "purpose": c.purpose} for c in prepared.commands],
        "pending": [c.command for c in prepared.pending],
        "domains": [{"name": step.name, "action": step.action} for step in vms.steps],
        "left": [*prepared.left, *([vms.left] if vms.left else [])],
    }


def _file(change: Change) -> dict[str, str]:
    file = change.file
    action = "create" if file.before is None else "remove" if file.after is None else "change"
    lines = b"".join(difference(_content(file.before), _content(file.after), file.path))
    text = lines.decode("utf-8", "backslashreplace")
    return {"path": file.path, "step": file.step, "purpose": change.purpose, "action": action, "difference": text}
