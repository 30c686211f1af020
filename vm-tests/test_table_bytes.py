"""Scenario table-bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.scenarios import table_bytes
from lab.scenarios.once import once

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.xdist_group("this_machine"), pytest.mark.usefixtures("firmwares")]


# What is in the table is nothing to the firmware, of which the slow one is booted for its own part alone.
@pytest.mark.parametrize(("firmware", "variant"), [("seabios", "full"), ("seabios", "battery-only"), ("ovmf", "full")])
def test_table_is_there(firmware: str, variant: str, tmp_path: Path) -> None:
    once(table_bytes.table_is_there, firmware, variant, tmp_path)


def test_twin_a_flipped_byte(tmp_path: Path) -> None:
    once(table_bytes.a_flipped_byte, "seabios", tmp_path)


@pytest.mark.parametrize("firmware", ["seabios", "ovmf"])
def test_twin_a_slic_table(firmware: str, tmp_path: Path) -> None:
    once(table_bytes.a_slic_table, firmware, tmp_path)
