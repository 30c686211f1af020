"""The cache of Debian roots, with a stand-in for mmdebstrap that unpacks nothing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from lab.consumers import roots
from lab.consumers.roots import Recipe, Root, root

if TYPE_CHECKING:
    from pathlib import Path

ONE = Recipe("trixie", ("one",))
TWO = Recipe("trixie", ("two",))
OTHER = Recipe("sid", ("one",))

# The target is the last argument but one. Each run leaves a line in the log.
STAND_IN = """#!/bin/sh
for last; do before=${here:-}; here=$last; done
mkdir -p "$before" && echo built >"$before/state"
echo "$@" >>"$OPTIMUX_RUNS"
exit "${OPTIMUX_STATUS:-0}"
"""


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file in which the stand-in notes its runs."""
    if reason := roots.missing():
        pytest.skip(reason)
    program = tmp_path / "bin" / "mmdebstrap"
    program.parent.mkdir()
    program.write_text(STAND_IN)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("OPTIMUX_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


def built() -> set[Path]:
    return {path for path in roots.cache().iterdir() if path.is_dir() and path.name != "mount"}


def test_built_once(runs: Path) -> None:
    first, second = root(ONE), root(ONE)
    assert first.path == second.path
    assert (first.path / "state").read_text() == "built\n"
    assert len(runs.read_text().splitlines()) == 1


def test_another_recipe_is_another_root(runs: Path) -> None:
    assert len({root(recipe).path for recipe in (ONE, OTHER)}) == 2
    assert ONE.key() != TWO.key()
    assert len(runs.read_text().splitlines()) == 2


def test_older_recipe_is_removed(runs: Path) -> None:
    kept = {root(OTHER).path}
    outdated = root(ONE).path
    kept.add(root(TWO).path)
    assert built() == kept
    assert outdated not in kept


def test_older_recipe_in_use_stays(runs: Path) -> None:
    old = root(ONE)
    with roots.in_use(old.path):
        new = root(TWO)
        assert built() == {old.path, new.path}


@pytest.mark.usefixtures("runs")
def test_a_failed_build_leaves_no_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPTIMUX_STATUS", "25")
    with pytest.raises(RuntimeError, match="could not build the trixie root"):
        root(ONE)
    assert built() == set()


def test_a_build_that_was_cut_off_is_built_again(runs: Path) -> None:
    path = roots.cache() / f"{ONE.suite}-{ONE.key()}"
    half = path.with_suffix(".building")
    half.mkdir(parents=True)
    (half / "junk").touch()
    assert [entry.name for entry in root(ONE).path.iterdir()] == ["state"]
    assert not half.exists()


@pytest.mark.usefixtures("runs")
def test_no_session_over_a_broken_root() -> None:
    with pytest.raises(OSError, match="no session over"), Root(root(ONE).path).session():
        pass
