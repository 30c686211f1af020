"""Every level of ``optimux verify``, each in a throwaway machine of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimux.vm.qemu.accel import accelerated
from optimux.vm.qemu.programs import find_qemu

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from optimux.plan.model import DomainPlan
    from optimux.vm.evidence.checks import Check, Subject
    from optimux.vm.qemu.accel import Accelerator

LEVELS = ("host", "seabios", "ovmf", "guest")


def verify(subject: Subject, level: str, folder: Path, each: Callable[[Check], None]) -> None:
    """Check ``subject`` at one of ``LEVELS``; ``each`` gets the findings as they come. Logs go to ``folder``.

    Raises ``VmError`` for what keeps this machine from looking at all (no QEMU, no kernel, no space).
    """
    if level == "host":
        from optimux.vm.verify.host_device import host_device

        for check in host_device(subject.memory) if subject.memory else ():
            each(check)
        return
    qemu = find_qemu()

    def attempt(accelerator: Accelerator) -> None:
        for check in _checks(subject, level, accelerator, qemu, folder):
            each(check)

    accelerated(qemu, attempt)


def verify_domain(
    plan: DomainPlan, document: bytes, firmware: str, folder: Path, each: Callable[[Check], None]
) -> None:
    """Check a whole domain that the user has, booted by ``seabios`` or ``ovmf``; else as ``verify``."""
    from optimux.vm.domain.whole_domain import whole_domain

    qemu = find_qemu()

    def attempt(accelerator: Accelerator) -> None:
        for check in whole_domain(plan, document, firmware, accelerator, qemu, folder):
            each(check)

    accelerated(qemu, attempt)


def _checks(subject: Subject, level: str, accelerator: Accelerator, qemu: str, folder: Path) -> Iterator[Check]:
    if level == "guest":
        from optimux.vm.verify.guest_level import guest_level

        return guest_level(subject, accelerator, qemu, folder)
    from optimux.vm.verify.firmware_level import firmware_level

    return firmware_level(subject, level, accelerator, qemu, folder)
