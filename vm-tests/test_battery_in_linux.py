"""Scenario battery-in-linux."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.scenarios import battery_in_linux
from lab.scenarios.once import once

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.xdist_group("this_machine"), pytest.mark.usefixtures("linux")]


@pytest.mark.parametrize("variant", ["full", "battery-only"])
def test_battery_is_full(variant: str, tmp_path: Path) -> None:
    once(battery_in_linux.battery_is_full, variant, tmp_path)


def test_twin_no_table(tmp_path: Path) -> None:
    once(battery_in_linux.no_table, tmp_path)
