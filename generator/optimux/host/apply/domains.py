"""The VMs in libvirt, as ``define`` does it, with what they were in the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimux.errors import OptimuxError
from optimux.host.journal import DomainChange, save

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optimux.files.root import Root
    from optimux.host.journal import Transaction
    from optimux.libvirt.connection import Connection
    from optimux.libvirt.define import Step


def define(steps: Sequence[Step], transaction: Transaction, connection: Connection, root: Root) -> Transaction:
    """Raises ``OptimuxError``; then no VM has changed, and the journal says so."""
    from optimux.libvirt.define import carry_out

    changes = [
        DomainChange(step.name, step.before, uri=connection.uri, told=step.after)
        for step in steps
        if step.action != "keep"
    ]
    before, transaction = transaction, transaction.replace(domains=tuple(changes))
    save(root, transaction)
    try:
        carry_out(steps, (), connection, root)
    except OptimuxError:
        save(root, before if before.files or before.commands else before.replace(stage="undone"))
        raise
    held = [(change, connection.find(change.name)) for change in changes]
    transaction = transaction.replace(
        domains=tuple(change.replace(after=found.xml if found else None) for change, found in held)
    )
    save(root, transaction)
    return transaction


def take_back(changes: Sequence[DomainChange], *, force: bool = False) -> list[str]:
    """What was not taken back, each with the reason. A VM that the user removed stays so, one that was edited too,
    unless told to with ``force``.
    """
    from optimux.libvirt.connection import Connection

    left = []
    for change in reversed(changes):
        try:
            with Connection(change.uri) as connection:
                left += _restore(change, connection, force=force)
        except OptimuxError as error:
            left.append(f"the VM {change.name}: {error}")
    return left


def _restore(change: DomainChange, connection: Connection, *, force: bool) -> list[str]:
    found = connection.find(change.name)
    if found is None or found.xml == change.before:
        return []
    if not force and not _is_ours(change, found.xml):
        return [f"the VM {change.name} was changed since; --force takes it back all the same"]
    if change.before is None:
        connection.undefine(change.name)
    else:
        connection.define(change.before)
    return []


def _is_ours(change: DomainChange, present: str) -> bool:
    """Where apply was killed while libvirt was told, what it has made of that is known by its UUID alone."""
    if change.after is not None or change.told is None:
        return present == change.after
    return present == change.told or (change.before is None and _uuid(present) == _uuid(change.told))


def _uuid(xml: str) -> str:
    return xml.partition("<uuid>")[2].partition("</uuid>")[0].strip()
