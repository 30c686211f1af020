"""The VMs of an apply: what libvirt would be told, where it can be reached."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from optimux.cli.report import say
from optimux.errors import OptimuxError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from optimux.files.root import Root
    from optimux.host.journal import Transaction
    from optimux.libvirt.connection import Connection
    from optimux.libvirt.define import Step
    from optimux.plan.model import Plan


class Vms:
    """``left`` says why libvirt could not be asked, where it is to be."""

    def __init__(self, steps: Sequence[Step], connection: Connection | None, left: str = "") -> None:
        self.steps, self.left = tuple(steps), left
        self._connection = connection

    @property
    def is_current(self) -> bool:
        """Whether libvirt has them as the plan wants them, or is not spoken to."""
        return all(step.action == "keep" for step in self.steps)

    def define(self, transaction: Transaction, root: Root) -> Transaction:
        """The transaction with what is done. Raises ``OptimuxError`` where libvirt refuses one; then none is."""
        if self._connection is None or self.is_current:
            return transaction
        from optimux.host.apply.domains import define

        return define(self.steps, transaction, self._connection, root)

    def define_late(self, transaction: Transaction, root: Root) -> Transaction:
        """The same for a libvirt that could not be asked before: the host's side stays, and ``left`` is why."""
        try:
            return self.define(transaction, root)
        except OptimuxError as error:
            self.left = str(error)
            return transaction

    def say_left(self) -> None:
        """What the user has to do about VMs that are not defined."""
        if self.left:
            say(f"the VMs are not defined: {self.left}", "warning")
            say("  `optimux define` does it once that is mended")


@contextlib.contextmanager
def opened(plan: Plan, *, wanted: bool) -> Iterator[Vms]:
    """With the connection open. Raises ``InvalidInput`` for a domain that cannot be patched."""
    if not wanted or not plan.domains:
        yield Vms((), None)
        return
    from optimux.files.acpi_tables import read_table
    from optimux.libvirt.connection import Connection
    from optimux.libvirt.define import steps_for
    from optimux.libvirt.uri import SYSTEM

    try:
        connection = Connection(SYSTEM)
    except OptimuxError as error:
        yield Vms((), None, str(error))
        return
    with connection:
        yield Vms(steps_for(plan.domains, connection, read_table), connection)
