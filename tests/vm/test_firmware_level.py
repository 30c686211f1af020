"""``verify`` without a guest system, against the real QEMU and firmware; each fault is named."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from optimux.pci import Address
from optimux.vm.errors import VmError
from optimux.vm.verify.firmware_level import firmware_level
from tests.vm.subjects import subject

if TYPE_CHECKING:
    from pathlib import Path

    from optimux.vm.evidence.checks import Check, Subject
    from optimux.vm.qemu.accel import Accelerator


def _checks(
    planned: Subject, qemu: str, accelerator: Accelerator, folder: Path, firmware: str = "seabios"
) -> dict[str, Check]:
    return {check.name: check for check in firmware_level(planned, firmware, accelerator, qemu, folder)}


def _failed(checks: dict[str, Check]) -> dict[str, str]:
    return {name: check.found for name, check in checks.items() if check.state == "failed"}


@pytest.mark.parametrize("variant", ["full", "battery-only"])
def test_all_is_well(qemu: str, emulated: Accelerator, tmp_path: Path, variant: str) -> None:
    checks = _checks(subject({"variant": variant}), qemu, emulated, tmp_path)
    assert [check.state for check in checks.values()] == ["passed"] * 8, checks


def test_memory_in_dev_shm(qemu: str, emulated: Accelerator, tmp_path: Path) -> None:
    """<shmem> instead of arguments."""
    checks = _checks(subject(memory="shm", displays=[{"width": 1920, "height": 1080}]), qemu, emulated, tmp_path)
    assert [check.state for check in checks.values()] == ["passed"] * 8, checks
    assert checks["shared memory: size"].found == "BAR 2 of 32MiB"


def test_table_on_the_command_line(qemu: str, emulated: Accelerator, tmp_path: Path) -> None:
    checks = _checks(subject({"attach": "commandline"}), qemu, emulated, tmp_path)
    assert [check.state for check in checks.values()] == ["passed"] * 8, checks


def test_neither_battery_nor_memory(qemu: str, emulated: Accelerator, tmp_path: Path) -> None:
    checks = _checks(subject({"enable": False}, enable=False), qemu, emulated, tmp_path)
    assert _failed(checks) == {}
    assert [name for name, check in checks.items() if check.state == "skipped"] == ["battery table", "shared memory"]


def test_a_flipped_byte(qemu: str, emulated: Accelerator, tmp_path: Path) -> None:
    """QEMU repairs the checksum of what it loads, so a table that was spoilt after it was made shows there."""
    planned = subject()
    assert planned.table is not None
    spoilt = bytearray(planned.table)
    spoilt[60] ^= 1
    faults = _failed(_checks(planned.replace(table=bytes(spoilt)), qemu, emulated, tmp_path))
    assert list(faults) == ["battery table"]
    assert "SSDT OPTMUX/BATTERY differs in the checksum: at offset 0x9" in faults["battery table"]


def test_no_table(qemu: str, emulated: Accelerator, tmp_path: Path) -> None:
    planned = subject()
    xml = planned.xml.replace(planned.table_path, "/elsewhere/table.aml")
    faults = _failed(_checks(planned.replace(xml=xml), qemu, emulated, tmp_path))
    assert list(faults) == ["battery table"]
    assert "SSDT OPTMUX/BATTERY is not among the guest's tables: RSDT" in faults["battery table"]


def test_a_table_of_type_slic(qemu: str, emulated: Accelerator, tmp_path: Path) -> None:
    planned = subject()
    xml = planned.xml.replace("<table type='raw'>", "<table type='slic'>")
    assert xml != planned.xml
    checks = _checks(planned.replace(xml=xml), qemu, emulated, tmp_path)
    assert list(_failed(checks)) == ["battery table"]
    assert "the guest has it as SLIC OPTMUX/BATTERY" in checks["battery table"].found
    assert "<table type='raw'>" in checks["battery table"].remedy


def test_a_wrong_size(qemu: str, emulated: Accelerator, tmp_path: Path) -> None:
    planned = subject()
    xml = planned.xml.replace(str(128 << 20), str(64 << 20))
    faults = _failed(_checks(planned.replace(xml=xml), qemu, emulated, tmp_path))
    assert faults == {"shared memory: size": "BAR 2 has 64MiB, planned is 128MiB"}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"share":true', '"share":false', "other bytes in the"),
        ('"mem-path":"/dev/kvmfr0"', '"mem-path":"/dev/kvmfr7"', "the domain maps /dev/kvmfr7, planned is /dev/kvmfr0"),
    ],
    ids=["a private mapping", "another device"],
)
def test_arguments_that_share_nothing(
    old: str, new: str, words: str, qemu: str, emulated: Accelerator, tmp_path: Path
) -> None:
    planned = subject()
    xml = planned.xml.replace(old, new)
    assert xml != planned.xml
    faults = _failed(_checks(planned.replace(xml=xml), qemu, emulated, tmp_path))
    assert any(words in found for found in faults.values()), faults


def test_arguments_that_qemu_refuses(qemu: str, emulated: Accelerator, tmp_path: Path) -> None:
    planned = subject()
    xml = planned.xml.replace('"share":true', '"shared":true')
    assert xml != planned.xml
    with pytest.raises(VmError, match=r"QEMU ended at once: .*shared"):
        _checks(planned.replace(xml=xml), qemu, emulated, tmp_path)


def test_a_table_with_other_ids(qemu: str, emulated: Accelerator, tmp_path: Path) -> None:
    planned = subject({"attach": "commandline"})
    xml = planned.xml.replace("file=/var", "oem_id=FOO,file=/var")
    assert xml != planned.xml
    faults = _failed(_checks(planned.replace(xml=xml), qemu, emulated, tmp_path))
    assert list(faults) == ["battery table"]


def test_a_folder_with_a_colon(qemu: str, emulated: Accelerator, tmp_path: Path) -> None:
    assert _failed(_checks(subject(), qemu, emulated, tmp_path / "12:30, today")) == {}


def test_no_ivshmem_device(qemu: str, emulated: Accelerator, tmp_path: Path) -> None:
    planned = subject()
    xml = planned.xml.replace("ivshmem-plain", "ivshmem-doorbell")
    faults = _failed(_checks(planned.replace(xml=xml), qemu, emulated, tmp_path))
    assert faults == {"shared memory: size": "the machine has no ivshmem device"}


def test_a_wrong_slot(qemu: str, emulated: Accelerator, tmp_path: Path) -> None:
    planned = subject().replace(slot=Address(0, 0, 0x11, 0))
    faults = _failed(_checks(planned, qemu, emulated, tmp_path))
    assert faults == {"shared memory: address": "the device is at 0000:00:10.0, planned is 0000:00:11.0"}


def _on(machine: str) -> Subject:
    planned = subject()
    return planned.replace(xml=re.sub(r"pc-q35-[0-9.]+", machine, planned.xml))


def test_the_machine_is_the_domains(qemu: str, emulated: Accelerator, tmp_path: Path) -> None:
    checks = _checks(_on("pc-q35-6.2"), qemu, emulated, tmp_path)
    assert _failed(checks) == {}
    assert ": pc-q35-6.2; TCG" in checks["SeaBIOS boots"].found
    assert "-machine pc-q35-6.2 " in (tmp_path / "command.txt").read_text()


def test_a_machine_that_qemu_does_not_know(qemu: str, emulated: Accelerator, tmp_path: Path) -> None:
    checks = _checks(_on("pc-q35-99.9"), qemu, emulated, tmp_path)
    assert _failed(checks) == {}
    assert ": q35, as it has no pc-q35-99.9; TCG" in checks["SeaBIOS boots"].found
