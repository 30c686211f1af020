"""``verify --guest``: once with a real guest, and each fault with a made-up report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from optimux.pci import Address, Id
from optimux.vm.errors import VmError
from optimux.vm.evidence.ivshmem import ID
from optimux.vm.linux.busybox import find_busybox
from optimux.vm.linux.guest_report import GuestReport
from optimux.vm.linux.kernel import find_kernel
from optimux.vm.linux.vmlinux import vmlinux
from optimux.vm.qemu.memory import shared_file
from optimux.vm.verify import guest_checks
from optimux.vm.verify import guest_level as level
from optimux.vm.verify.supplies import expected_supplies
from tests.vm.subjects import subject

if TYPE_CHECKING:
    from pathlib import Path

    from optimux.vm.qemu.accel import Accelerator

SLOT = Address(0, 0, 16, 0)
SIZE = 128 << 20
LAST = SIZE // 4096 - 1


def _report(**changes: Any) -> GuestReport:
    """A guest that saw everything as planned."""
    planned = subject()
    assert planned.table is not None
    values: dict[str, Any] = {
        "tables": {"SSDT": planned.table},
        "supplies": expected_supplies(planned.battery),
        "pci": {SLOT: ID, Address(0, 0, 0, 0): Id(0x8086, 0x29C0)},
        "bars": {SLOT: SIZE},
        "pages": {0: b"first", LAST: b"last"},
        "written": (1, LAST - 1),
        "frame": None,
    }
    return GuestReport(**(values | changes))


def _memory_faults(report: GuestReport) -> list[str]:
    check = guest_checks.memory_check(subject(), report)
    return [check.found] if check.state == "failed" else []


def test_all_is_well(qemu: str, emulated: Accelerator, tmp_path: Path) -> None:
    try:
        kernel, _ = find_kernel(), find_busybox()
    except VmError as error:
        pytest.skip(f"{error.message}. {error.remedy}")
    checks = list(level.guest_level(subject(), emulated, qemu, tmp_path))
    assert [check.state for check in checks] == ["passed"] * 7, checks
    # What QEMU started, where the image could be unpacked.
    assert (vmlinux(kernel.image.read_bytes()) is not None) == (".elf" in (tmp_path / "command.txt").read_text())


def test_a_perfect_report_has_no_fault() -> None:
    report = _report()
    assert guest_checks.table_check(subject(), report).state == "passed"
    assert [check.state for check in guest_checks.supply_checks(subject(), report)] == ["passed"] * 2
    assert _memory_faults(report) == []


def test_each_fault_of_the_battery_is_named() -> None:
    assert "not among the guest's tables" in guest_checks.table_check(subject(), _report(tables={})).found
    low = expected_supplies(subject().battery)
    low["BAT0"] = low["BAT0"] | {"STATUS": "Discharging"}
    battery, adapter = guest_checks.supply_checks(subject(), _report(supplies=low))
    assert (battery.state, adapter.state) == ("failed", "passed")
    assert battery.found == "STATUS is Discharging, planned is Full"
    battery, adapter = guest_checks.supply_checks(subject(), _report(supplies={"ADP1": low["ADP1"]}))
    assert battery.found == "no power supply BAT0; there are: ADP1"
    assert adapter.state == "passed"


def test_each_fault_of_the_device_is_named() -> None:
    assert _memory_faults(_report(pci={})) == ["the machine has no ivshmem device"]
    assert _memory_faults(_report(bars={SLOT: SIZE // 2})) == ["BAR 2 has 64MiB, planned is 128MiB"]
    other = Address(0, 0, 17, 0)
    (fault,) = _memory_faults(_report(pci={other: ID}, bars={other: SIZE}))
    assert fault == "the device is at 0000:00:11.0, planned is 0000:00:10.0"


def test_each_lost_page_is_named() -> None:
    with shared_file(SIZE) as file:
        for page in (1, LAST - 1):
            file.write(page * 4096, f"guest token {page}\n".encode())
        seeded = {0: b"first", LAST: b"last"}
        assert [check.state for check in level._transfers(_report(), seeded, file, "token")] == ["passed"] * 2
        lost = _report(pages={0: b"first", LAST: b"other"})
        read, written = level._transfers(lost, seeded, file, "token")
        assert (read.state, written.state) == ("failed", "passed")
        assert read.found == f"Linux read other bytes on the pages {LAST}"
        read, written = level._transfers(_report(), seeded, file, "another")
        assert (read.state, written.state) == ("passed", "failed")
        assert written.found == f"the file has other bytes on the pages 1, {LAST - 1}"


def test_a_kernel_without_the_module_is_said() -> None:
    with shared_file(SIZE) as file:
        (check,) = level._transfers(_report(pages={}, written=()), {0: b""}, file, "token")
    assert check.state == "skipped"
    assert "no module phram" in check.found
