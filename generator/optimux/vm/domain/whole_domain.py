"""The level of a whole domain: libvirt's own translation of it, started and looked at."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from optimux.files.scratch import discard_folder, own_folder
from optimux.vm.domain.libvirt import Libvirt
from optimux.vm.domain.machine_checks import machine_checks
from optimux.vm.domain.reduce import Emulation
from optimux.vm.domain.started import started
from optimux.vm.domain.translate import translate
from optimux.vm.errors import VmError
from optimux.vm.evidence.checks import FAILED, PASSED, REPLACED, SKIPPED, Check, subject_of
from optimux.vm.qemu.programs import find_ovmf, machine_types

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from optimux.plan.model import DomainPlan
    from optimux.vm.domain.translate import Translated
    from optimux.vm.qemu.accel import Accelerator


def find_virsh() -> None:
    """Raises ``VmError`` with where to get it where libvirt's virsh is not here."""
    if shutil.which("virsh") is None:
        raise VmError(
            "no libvirt: virsh is not in PATH",
            "A domain is translated by libvirt itself: install it (Debian, Ubuntu: libvirt-daemon-system and "
            "libvirt-clients; Fedora: libvirt-daemon-kvm and libvirt-client; Arch: libvirt).",
        )


def whole_domain(
    plan: DomainPlan, document: bytes, firmware: str, accelerator: Accelerator, qemu: str, folder: Path
) -> Iterator[Check]:
    """Translate ``document``, start it, boot its ``firmware``, and check the machine against ``plan``.

    Raises ``VmError`` where libvirt or QEMU are not here or do not answer.
    """
    find_virsh()
    private, empty = own_folder(folder) / "libvirt", own_folder(folder / "empty")
    known = [path for path in _emulators(document) if os.access(path, os.X_OK)]
    emulation = Emulation(accelerator.name == "kvm", qemu, known, machine_types(qemu), str(empty))
    (domain,) = translate([document], emulation, Libvirt(str(private)))
    discard_folder(private)
    if domain.fault:
        yield Check("libvirt takes it", FAILED, domain.fault, "Correct what libvirt names.")
        return
    yield Check("libvirt takes it", PASSED, f"{len(domain.words) + len(domain.own)} words for QEMU")
    yield from _started(plan, domain, firmware, accelerator, folder, str(empty))


def _started(
    plan: DomainPlan, domain: Translated, firmware: str, accelerator: Accelerator, folder: Path, empty: str
) -> Iterator[Check]:
    subject = subject_of(plan)
    tables = {subject.table_path: subject.table} if subject.table is not None else {}
    sizes = (
        {plan.shared_memory.path: plan.shared_memory.size.bytes}
        if plan.shared_memory and plan.shared_memory.kind == "kvmfr"
        else {}
    )
    ovmf = find_ovmf(domain.program) if firmware == "ovmf" else None
    try:
        with started(domain, accelerator, folder, tables=tables, sizes=sizes, firmware=ovmf, empty=empty) as machine:
            seen = machine.boot(firmware)
            replaced, passed = machine.replaced, machine.passed
            took = f"QEMU {machine.run.qmp.version}: {len(seen.names)} devices ({accelerator})"
    except VmError as error:
        if error.folder is None:
            raise
        yield Check("QEMU starts it", FAILED, error.message, error.remedy)
        return
    yield Check("QEMU starts it", PASSED, took)
    yield from machine_checks(plan, subject.table, domain, seen, passed)
    for line in replaced:
        yield Check(REPLACED, SKIPPED, line)


def _emulators(document: bytes) -> list[str]:
    from lxml import etree

    root = etree.fromstring(document)
    return [(node.text or "").strip() for node in root.iterfind("devices/emulator")]
