"""The level with a guest system: what a small Linux sees of the generated table and shared memory."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

from optimux.sizes import Size
from optimux.vm.evidence.checks import PASSED, SKIPPED, Check, judged
from optimux.vm.linux.guest import await_report, guest_machine
from optimux.vm.linux.kernel import find_kernel
from optimux.vm.qemu.run import start
from optimux.vm.verify.guest_checks import memory_check, supply_checks, table_check
from optimux.vm.verify.supplies import expected_supplies
from optimux.vm.verify.throwaway import throwaway

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from optimux.vm.evidence.checks import Subject
    from optimux.vm.linux.guest_report import GuestReport
    from optimux.vm.qemu.accel import Accelerator
    from optimux.vm.qemu.memory import SharedFile

_PAGE = 4096
_READ = 64  # bytes of a page that the guest reports


def guest_level(subject: Subject, accelerator: Accelerator, qemu: str, folder: Path) -> Iterator[Check]:
    """Boot the guest and check its report. Raises ``VmError`` where no kernel, no busybox or no report is to be had."""
    kernel, token = find_kernel(), secrets.token_hex(8)
    with throwaway(subject, qemu, folder) as made:
        pages = seed(made.file) if made.file else {}
        machine = guest_machine(made.machine, kernel, token, tuple(expected_supplies(subject.battery)))
        with start(machine, accelerator, qemu, folder, made.descriptors) as run:
            report = await_report(run, token)
            where = f"{kernel.release} reported after {run.seconds:.1f} s ({made.on(run)})"
            yield Check("Linux boots", PASSED, where)
        yield table_check(subject, report)
        yield from supply_checks(subject, report)
        yield memory_check(subject, report)
        if made.file:
            yield from _transfers(report, pages, made.file, token)


def seed(file: SharedFile) -> dict[int, bytes]:
    """Random words on the first and the last page: by page, what the guest must report."""
    pages = {page: os.urandom(_READ) for page in (0, file.size // _PAGE - 1)}
    for page, words in pages.items():
        file.write(page * _PAGE, words)
    return pages


def _transfers(report: GuestReport, pages: dict[int, bytes], file: SharedFile, token: str) -> Iterator[Check]:
    """What the host wrote and Linux read, and the other way round."""
    name, remedy = "shared memory in Linux", "The device does not map the file: see the command in the logs."
    if not report.pages and not report.written:
        yield Check(f"{name}: contents", SKIPPED, "this kernel has no module phram to reach it with")
        return
    lost = [page for page, words in pages.items() if report.pages.get(page) != words]
    found = f"{_READ} bytes read on each of the pages {', '.join(map(str, pages))}"
    yield judged(f"{name}: host to guest", _on(lost, "Linux read"), found, remedy)
    wanted = (1, file.size // _PAGE - 2)
    lost = [
        page for page in wanted if not file.read(page * _PAGE, _PAGE).startswith(f"guest {token} {page}\n".encode())
    ]
    found = f"its words found in the file of {Size(file.size)} on the pages {', '.join(map(str, wanted))}"
    yield judged(f"{name}: guest to host", _on(lost, "the file has"), found, remedy)


def _on(pages: list[int], who: str) -> str:
    return f"{who} other bytes on the pages {', '.join(map(str, pages))}" if pages else ""
