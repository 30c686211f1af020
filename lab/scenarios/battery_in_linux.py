"""Linux takes the table: a full battery, an adapter that is online, and the plan's values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.scenarios.bench import generated, reported
from optimux.vm.verify.guest_checks import supply_checks, table_check

if TYPE_CHECKING:
    from pathlib import Path


def battery_is_full(variant: str, folder: Path | str) -> None:
    """BAT0 (and ADP1, in the full table) in ``/sys/class/power_supply``."""
    subject = generated(variant)
    with reported(subject, folder) as guest:
        table, *supplies = (table_check(subject, guest.report), *supply_checks(subject, guest.report))
    assert table.state == "passed", table
    assert [check.state for check in supplies] == ["passed"] * (2 if variant == "full" else 1), supplies
    assert guest.report.supplies["BAT0"]["STATUS"] == "Full"
    assert guest.report.supplies["BAT0"]["CAPACITY"] == "100"


def no_table(folder: Path | str) -> None:
    """Twin: the domain names another file, and Linux knows of no power supply at all."""
    subject = generated()
    xml = subject.xml.replace(subject.table_path, "/elsewhere.aml")
    with reported(subject.replace(xml=xml), folder) as guest:
        checks = [table_check(subject, guest.report), *supply_checks(subject, guest.report)]
    assert [check.state for check in checks] == ["failed"] * 3
    assert checks[0].found == "SSDT OPTMUX/BATTERY is not among the guest's tables: none"
    assert checks[1].found == "no power supply BAT0; there are: none"
    assert guest.report.pci, "the guest itself must be well"
