"""The recorded machine that most of these tests change a little."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.handover.machine import plant

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A card at rest."""
    return plant(tmp_path / "machine")
