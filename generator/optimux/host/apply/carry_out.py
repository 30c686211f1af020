"""Doing it: the journal first, then files, then commands; what fails is taken back, with the VMs defined before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimux.errors import OptimuxError
from optimux.host.apply.domains import take_back
from optimux.host.journal import CommandRun, save
from optimux.host.past import same
from optimux.host.rollback import roll_back

if TYPE_CHECKING:
    from collections.abc import Callable

    from optimux.emit.artifact import HostCommand
    from optimux.files.root import Root
    from optimux.host.apply.prepare import Prepared
    from optimux.host.journal import FileChange, Transaction
    from optimux.host.shell import Shell

    Say = Callable[[str], None]


def carry_out(prepared: Prepared, transaction: Transaction, root: Root, shell: Shell, say: Say) -> Transaction:
    """The transaction as it ended: ``applied``, with every command that could be run.

    Raises ``OptimuxError`` where something failed: then everything was taken back. An interruption leaves it as it is,
    for the next apply to finish or for rollback.
    """
    files = tuple(change.file for change in prepared.changes)
    runs = tuple(_recorded(command) for command in prepared.commands)
    transaction = transaction.replace(files=files, commands=runs)
    save(root, transaction)
    try:
        for file in files:
            _place(file, root)
        transaction = _run_all(transaction, root, shell, say)
        transaction = transaction.replace(stage="applied")
        save(root, transaction)
    except OptimuxError as error:
        raise _taken_back(error, transaction, root, shell, say) from None
    return transaction


def _recorded(command: HostCommand) -> CommandRun:
    """The undo acts only where what the command brings about is there."""
    undo = command.undo
    if undo and command.unless:
        undo = f"if ( {command.unless} ); then {undo}; fi"
    return CommandRun(command.command, command.step, undo, command.after, command.offline)


def _place(change: FileChange, root: Root) -> None:
    present = root.look(change.path)
    if same(present, change.after) and change.after is not None:
        return
    if not same(present, change.before):
        raise OptimuxError(f"{change.path} was changed while this ran")
    if change.after is None or change.after.link is not None:
        root.restore(change.path, change.after)
    else:
        root.write(change.path, change.after.content, change.after.metadata)


def _run_all(transaction: Transaction, root: Root, shell: Shell, say: Say) -> Transaction:
    for number, run in enumerate(transaction.commands):
        if not shell.can(run.offline):
            continue
        say(f"$ {run.command}")
        if status := shell.run(run.command):
            raise OptimuxError(f"`{run.command}` ended with {status}")
        if run.boots:
            shell.settle()
        done = (*transaction.commands[:number], run.replace(ended=True), *transaction.commands[number + 1 :])
        transaction = transaction.replace(commands=done)
        save(root, transaction)
    return transaction


def _taken_back(error: OptimuxError, transaction: Transaction, root: Root, shell: Shell, say: Say) -> OptimuxError:
    """What to tell; whatever was done is undone first, as far as that can be."""
    try:
        failed = roll_back(transaction, root, shell, spare=True, domains=take_back, say=say)
    except OptimuxError as second:
        return OptimuxError(
            f"{error}. Taking back what was done failed too: {second}. Run `optimux rollback` once that is mended."
        )
    if failed and shell.runs:
        commands = "".join(f"\n  {command}" for command in failed)
        return OptimuxError(f"{error}. The files are as they were, but this did not end well:{commands}")
    return OptimuxError(f"{error}. Everything was taken back; the host is as it was.")
