"""Domains into libvirt: absent ones from the plan, present ones patched; done whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from optimux.acpi.battery import battery_table
from optimux.bundle.replace_file import replace_file
from optimux.emit.domain_xml import domain_xml
from optimux.errors import OptimuxError
from optimux.libvirt.connection import Connection, LibvirtError
from optimux.patch import Patched, patch_domain
from optimux.plan.model import DomainPlan
from optimux.record import Record


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
    """A battery table that must lie on this machine; ``before`` is what lies there now."""

    path: Path
    before: bytes | None
    after: bytes


def steps_for(domains: Sequence[DomainPlan], connection: Connection) -> tuple[Step, ...]:
    """What to do, domain by domain. Raises ``InvalidInput`` for a domain that cannot be patched."""
    return tuple(_step(domain, connection) for domain in domains)


def _step(domain: DomainPlan, connection: Connection) -> Step:
    found = connection.find(domain.name)
    if found is None:
        return Step(domain.key, domain.name, None, domain_xml(domain), False, None)
    patched = patch_domain(found.xml.encode(), domain)
    return Step(domain.key, domain.name, found.xml, patched.document.decode(), found.running, patched)


def tables_for(domains: Sequence[DomainPlan]) -> tuple[Table, ...]:
    """The tables that are missing or differ. Raises ``OptimuxError`` for one that cannot be read."""
    wanted = {Path(d.battery_path): battery_table(d.battery) for d in domains if d.battery is not None}
    tables = [Table(path, _read(path), table) for path, table in wanted.items()]
    return tuple(table for table in tables if table.before != table.after)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise OptimuxError(f"{path} cannot be read: {error.strerror}. Run as root, or set battery.path.") from None


def carry_out(steps: Sequence[Step], tables: Sequence[Table], connection: Connection) -> None:
    """Put the tables into place, then define; what was done is taken back when something is refused.

    Raises ``OptimuxError`` with libvirt's own words and the VM's path in the configuration.
    """
    placed: list[Table] = []
    done: list[Step] = []
    try:
        for table in tables:
            _place(table)
            placed.append(table)
        for step in steps:
            if step.action != "keep":
                _define(step, connection)
                done.append(step)
    except BaseException:
        _take_back(placed, done, connection)
        raise


def _define(step: Step, connection: Connection) -> None:
    try:
        connection.define(step.after)
    except LibvirtError as error:
        raise LibvirtError(f"vms.{step.key}: libvirt refuses {step.name}: {error}. Nothing was changed.") from None


def _place(table: Table) -> None:
    try:
        table.path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(table.path, table.after)
        table.path.chmod(0o644)
    except OSError as error:
        raise OptimuxError(
            f"{table.path} cannot be written: {error.strerror}. Run as root, or set battery.path to a place that "
            "QEMU may read. Nothing was changed."
        ) from None


def _take_back(placed: Sequence[Table], done: Sequence[Step], connection: Connection) -> None:
    for step in reversed(done):
        if step.before is None:
            connection.undefine(step.name)
        else:
            connection.define(step.before)
    for table in placed:
        if table.before is None:
            table.path.unlink(missing_ok=True)
        else:
            replace_file(table.path, table.before)
