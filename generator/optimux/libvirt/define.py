"""Domains into libvirt: absent ones from the plan, present ones patched; done whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence

from optimux.acpi.battery import battery_table
from optimux.acpi.recognise import is_battery_table
from optimux.emit.domain_xml import domain_xml
from optimux.errors import OptimuxError
from optimux.files.root import Root
from optimux.files.state import Metadata, State
from optimux.libvirt.binding import LibvirtError
from optimux.libvirt.connection import Connection
from optimux.patch import Patched, TableReader, patch_domain
from optimux.plan.model import DomainPlan
from optimux.plan.table import battery_tables
from optimux.record import Record

_READABLE = 0o644  # QEMU runs as a user of its own


class Step(Record):
    """What would happen to one domain. ``before`` is ``None`` where libvirt does not know it."""

    key: str
    name: str
    before: str | None
    after: str
    running: bool
    patched: Patched | None

    @property
    def action(self) -> str:
        """``define``, ``update`` or ``keep``."""
        if self.before is None:
            return "define"
        return "keep" if self.before == self.after else "update"


class Table(Record):
    """A battery table that must lie on this machine; ``before`` is the earlier one that lies there now."""

    path: str
    before: State | None
    after: bytes

    @property
    def is_needed(self) -> bool:
        """Whether another one lies there, or none, or one that QEMU may not read."""
        return self.before is None or (self.before.content, self.before.metadata.mode) != (self.after, _READABLE)


def unread(_path: str) -> bytes | None:
    """For a libvirt on another machine: the files that its domains name lie there."""
    return None


def steps_for(
    domains: Sequence[DomainPlan], connection: Connection, read_table: TableReader = unread
) -> tuple[Step, ...]:
    """What to do, domain by domain; ``read_table`` reads the tables that they name.

    Raises ``InvalidInput`` for a domain that cannot be patched.
    """
    return tuple(_step(domain, connection, read_table) for domain in domains)


def _step(domain: DomainPlan, connection: Connection, read_table: TableReader) -> Step:
    found = connection.find(domain.name)
    if found is None:
        return Step(domain.key, domain.name, None, domain_xml(domain), False, None)
    patched = patch_domain(found.xml.encode(), domain, read_table=read_table)
    return Step(domain.key, domain.name, found.xml, patched.document.decode(), found.running, patched)


def tables_for(domains: Sequence[DomainPlan], root: Root) -> tuple[Table, ...]:
    """The tables that are missing or differ.

    Raises ``OptimuxError`` where one cannot be read, and where something else lies than a battery table of ours.
    """
    tables = [Table(t.path, _present(t.path, root), battery_table(t.battery)) for t in battery_tables(domains)]
    return tuple(table for table in tables if table.is_needed)


def _present(path: str, root: Root) -> State | None:
    try:
        state = root.look(path)
    except OptimuxError as error:
        raise OptimuxError(f"{error}. Run as root, or set battery.path.") from None
    if state is not None and (state.link is not None or not is_battery_table(state.content)):
        kind = "a link" if state.link is not None else "a file that is no battery table of Optimux"
        raise OptimuxError(f"{path} is {kind}. Nothing was changed. Move it away, or set battery.path.")
    return state


def carry_out(steps: Sequence[Step], tables: Sequence[Table], connection: Connection, root: Root) -> None:
    """Put the tables into place, then define; what was done is taken back when something is refused.

    Raises ``OptimuxError`` with libvirt's own words and the VM's path in the configuration.
    """
    placed: list[tuple[Table, tuple[str, ...]]] = []
    done: list[Step] = []
    try:
        for table in tables:
            placed.append((table, _place(table, root)))
        for step in steps:
            if step.action != "keep":
                _define(step, connection)
                done.append(step)
    except BaseException:
        _take_back(placed, done, connection, root)
        raise


def _define(step: Step, connection: Connection) -> None:
    try:
        connection.define(step.after)
    except LibvirtError as error:
        raise LibvirtError(f"vms.{step.key}: libvirt refuses {step.name}: {error}. Nothing was changed.") from None


def _place(table: Table, root: Root) -> tuple[str, ...]:
    """Write it where nothing has changed since it was looked at; the folders that were made."""
    present = _present(table.path, root)
    if (present and present.content) != (table.before and table.before.content):
        raise OptimuxError(f"{table.path} was changed meanwhile. Nothing was changed; run it again.")
    try:
        return root.write(table.path, table.after, Metadata(_READABLE))
    except OptimuxError as error:
        raise OptimuxError(
            f"{error}. Run as root, or set battery.path to a place that QEMU may read. Nothing was changed."
        ) from None


def _take_back(
    placed: Sequence[tuple[Table, tuple[str, ...]]], done: Sequence[Step], connection: Connection, root: Root
) -> None:
    for step in reversed(done):
        if step.before is None:
            connection.undefine(step.name)
        else:
            connection.define(step.before)
    for table, folders in placed:
        root.restore(table.path, table.before)
        for folder in reversed(folders):
            root.remove_folder(folder)
