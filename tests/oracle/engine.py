"""Domains in a root with libvirt and QEMU: translated together, started one by one, and what came of each."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

from optimux.record import Record
from optimux.vm.domain.libvirt import Libvirt
from optimux.vm.domain.machine_checks import machine_checks
from optimux.vm.domain.reduce import Emulation
from optimux.vm.domain.started import started
from optimux.vm.domain.translate import Translated, translate
from optimux.vm.errors import VmError
from optimux.vm.evidence.checks import FAILED, Check, subject_of
from optimux.vm.qemu.accel import tcg

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager

    from lab.consumers.session import Session
    from optimux.plan.model import DomainPlan

QEMU = "/usr/bin/qemu-system-x86_64"
_EMPTY = "/var/empty"
_AT_ONCE = 2


class Outcome(Record):
    """``fault``: libvirt's or QEMU's words where the domain does not start; ``checks``: what the booted one shows."""

    fault: str
    checks: tuple[Check, ...] = ()

    @property
    def failed(self) -> list[str]:
        """Each check that failed, in words."""
        return [f"{check.name}: {check.found}" for check in self.checks if check.state == FAILED]


class Job(Record):
    """A domain to start; with a plan its firmware is booted too, and the machine held against it.

    ``tables`` are the user's own by path, what the domain names beside the planned one.
    """

    document: bytes
    plan: DomainPlan | None = None
    tables: Mapping[str, bytes] | None = None


class Oracle:
    """libvirt's translation and QEMU of a session's root; ``logs`` is a folder here."""

    def __init__(self, session: Session, logs: Path) -> None:
        self._session, self._logs, self._count = session, logs, 0
        self._prefix = session.entering()
        self._libvirt = Libvirt("/tmp/libvirt", self._prefix)
        listed = session.run([QEMU, "-machine", "help"]).stdout.splitlines()
        machines = [line.split()[0] for line in listed if line.strip()]
        session.run(["mkdir", "-p", _EMPTY])
        self._emulation = Emulation(False, QEMU, [QEMU], machines, _EMPTY)

    def outcomes(self, jobs: Sequence[Job]) -> list[Outcome]:
        """What comes of each."""
        domains = translate([job.document for job in jobs], self._emulation, self._libvirt)
        start = self._count
        self._count += len(jobs)
        with ThreadPoolExecutor(_AT_ONCE) as pool, _ending_with_the_session():
            return list(pool.map(self._outcome, jobs, domains, range(start, self._count)))

    def outcome(self, document: bytes, plan: DomainPlan | None = None) -> Outcome:
        """What comes of one."""
        return self.outcomes([Job(document, plan)])[0]

    def _outcome(self, job: Job, domain: Translated, number: int) -> Outcome:
        if domain.fault:
            return Outcome(f"libvirt: {domain.fault}")
        plan, table, tables, sizes = job.plan, None, dict[str, bytes](), dict[str, int]()
        if plan is not None:
            table, tables, sizes = lent(plan)
        tables |= job.tables or {}
        try:
            with started(
                domain, tcg("every machine has it"), self._logs / str(number),
                tables=tables, sizes=sizes, prefix=self._prefix,
            ) as machine:  # fmt: skip
                if plan is None:
                    return Outcome("")
                return Outcome("", tuple(machine_checks(plan, table, domain, machine.boot(), machine.passed)))
        except VmError as error:
            return Outcome(f"QEMU: {error.message}")


def _ending_with_the_session() -> AbstractContextManager[object]:
    """Without the request to die with this program: it would reach what enters the session, not QEMU, which ends with
    the session. Hundreds of forks of a worker, for that request alone, take a tenth of a second each.
    """
    return patch("optimux.vm.qemu.process.dies_with_parent", lambda: None)


def lent(plan: DomainPlan) -> tuple[bytes | None, dict[str, bytes], dict[str, int]]:
    """The planned table, tables by path, and the sizes of memories by path: a module has one, a file takes any."""
    subject = subject_of(plan)
    memory = plan.shared_memory if plan.shared_memory and plan.shared_memory.kind == "kvmfr" else None
    sizes = {memory.path: memory.size.bytes} if memory else {}
    return subject.table, ({subject.table_path: subject.table} if subject.table else {}), sizes
