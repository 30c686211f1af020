"""One finding of ``verify``, and what a generated domain is held against."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from optimux.record import Record

if TYPE_CHECKING:
    from optimux.pci import Address
    from optimux.plan.battery import Battery
    from optimux.plan.model import DomainPlan, SharedMemory

State = Literal["passed", "failed", "skipped"]
PASSED: Final = "passed"
FAILED: Final = "failed"
SKIPPED: Final = "skipped"
REPLACED: Final = "replaced"  # the name of a finding that is no check: what stands for a part of the host


class Check(Record):
    """``name`` says what was looked at, ``found`` what was seen, ``remedy`` what to do when it failed."""

    name: str
    state: State
    found: str
    remedy: str = ""


class Subject(Record):
    """A VM as generated (``xml``, ``table``), and what the plan says of it (the rest)."""

    key: str
    xml: str
    table: bytes | None
    table_path: str
    battery: Battery | None
    memory: SharedMemory | None
    slot: Address | None


def subject_of(domain: DomainPlan) -> Subject:
    """The artifacts of a planned VM as the bundle holds them."""
    from optimux.emit.bundle import domain_artifacts

    contents = {artifact.path: artifact.content for artifact in domain_artifacts(domain)}
    xml = contents[f"domains/{domain.key}.xml"].decode()
    table = contents.get(f"acpi/{domain.key}.aml")
    slot = domain.ivshmem.address if domain.ivshmem else None
    return Subject(domain.key, xml, table, domain.battery_path, domain.battery, domain.shared_memory, slot)


def judged(name: str, fault: str, found: str, remedy: str) -> Check:
    """Failed where there is a fault, else passed."""
    return Check(name, FAILED, fault, remedy) if fault else Check(name, PASSED, found)
