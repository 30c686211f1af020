"""The battery table lies in guest memory byte for byte, where an operating system finds it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.scenarios.bench import failed, firmware_checks, generated

if TYPE_CHECKING:
    from pathlib import Path

TABLE = "battery table"
CHECKSUMS = "every table's checksum"


def table_is_there(firmware: str, variant: str, folder: Path | str) -> None:
    """The generated domain's table, under ``seabios`` or ``ovmf``."""
    checks = firmware_checks(generated(variant), firmware, folder)
    assert failed(checks) == {}
    assert {checks[name].state for name in (TABLE, CHECKSUMS)} == {"passed"}


def a_flipped_byte(firmware: str, folder: Path | str) -> None:
    """Twin: the file that QEMU gets is not the one that the plan means."""
    subject = generated()
    assert subject.table is not None
    spoilt = subject.table[:-1] + bytes([subject.table[-1] ^ 1])
    faults = failed(firmware_checks(subject.replace(table=spoilt), firmware, folder))
    assert list(faults) == [TABLE]
    assert "differs in the checksum: at offset 0x9" in faults[TABLE]


def a_slic_table(firmware: str, folder: Path | str) -> None:
    """Twin: libvirt's other table type renames the table, and the guest has no battery."""
    subject = generated()
    xml = subject.xml.replace("<table type='raw'>", "<table type='slic'>")
    assert xml != subject.xml
    faults = failed(firmware_checks(subject.replace(xml=xml), firmware, folder))
    assert list(faults) == [TABLE]
    assert "the guest has it as SLIC" in faults[TABLE]
