"""Scenario shared-memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.scenarios import shared_memory
from lab.scenarios.once import once

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.xdist_group("this_machine")


@pytest.mark.parametrize(("release", "display"), list(shared_memory.SIZES))
def test_size_is_right(release: str, display: str, tmp_path: Path) -> None:
    once(shared_memory.size_is_right, release, display, tmp_path)


@pytest.mark.usefixtures("linux")
@pytest.mark.parametrize(("release", "display"), [("b7", "4k"), ("idd", "1080p")])
def test_frame_arrives(release: str, display: str, tmp_path: Path, record_property: Callable[[str, str], None]) -> None:
    record_property("throughput", once(shared_memory.frame_arrives, release, display, tmp_path))


def test_twin_a_lost_block() -> None:
    once(shared_memory.a_lost_block)


def test_twin_a_file_that_is_too_small(tmp_path: Path) -> None:
    once(shared_memory.a_file_that_is_too_small, tmp_path)


def test_twin_a_regular_file_for_kvmfr(tmp_path: Path) -> None:
    once(shared_memory.a_regular_file_for_kvmfr, tmp_path)
