"""Writing: complete or untouched, and nothing of the user's is lost."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from optimux.bundle.folder import compare, write
from optimux.bundle.index import INDEX
from optimux.errors import OptimuxError
from tests.cli.command import ONE, TWO, as_contents, contents, leftovers, state

if TYPE_CHECKING:
    pass

needs_mortal = pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")


def test_first_write(out: Path) -> None:
    comparison = write(ONE, out)
    assert comparison.added == tuple(artifact.path for artifact in ONE)
    assert contents(out) == as_contents(ONE)
    assert compare(ONE, out).is_current
    assert not leftovers(out.parent)


def test_second_write_replaces_and_removes(out: Path, way: str) -> None:
    write(ONE, out)
    comparison = write(TWO, out)
    assert (comparison.added, comparison.changed, set(comparison.obsolete)) == (
        ("b/c/new",),
        ("a/one.xml",),
        {"hook", "top"},
    )
    assert contents(out) == as_contents(TWO)
    assert compare(TWO, out).is_current
    assert not leftovers(out.parent)


def test_emptied_folders_go(out: Path, way: str) -> None:
    write(TWO, out)
    write(ONE[1:], out)
    assert [path.name for path in out.iterdir() if path.is_dir()] == []


def test_nothing_is_touched_when_current(out: Path, way: str) -> None:
    write(ONE, out)
    before = [(path, path.lstat().st_ino, path.lstat().st_mtime_ns) for path in sorted(out.rglob("*"))]
    assert write(ONE, out).is_current
    assert before == [(path, path.lstat().st_ino, path.lstat().st_mtime_ns) for path in sorted(out.rglob("*"))]


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_modes_are_as_planned(umask: int, out: Path, way: str) -> None:
    old = os.umask(umask)
    try:
        write(ONE, out)
        write((*ONE, *TWO[1:]), out)
    finally:
        os.umask(old)
    modes = {path: mode for path, (mode, content) in state(out).items() if content is not None}
    assert modes == {"a/one.xml": 0o644, "b/c/new": 0o644, "hook": 0o755, "top": 0o600, INDEX: 0o644}
    folders = [mode for mode, content in state(out).values() if content is None]
    assert set(folders) == {0o755 & ~umask}


def test_a_changed_mode_is_a_change(out: Path, way: str) -> None:
    write(ONE, out)
    (out / "top").chmod(0o666)
    assert compare(ONE, out).changed == ("top",)
    write(ONE, out)
    assert state(out)["top"][0] == 0o600


class TestPlaces:
    """Where the folder is, and what it is."""

    def test_a_link_to_a_folder_is_followed_and_stays(self, tmp_path: Path, way: str) -> None:
        (tmp_path / "real").mkdir()
        (tmp_path / "link").symlink_to("real")
        write(ONE, tmp_path / "link")
        write(TWO, tmp_path / "link")
        assert (tmp_path / "link").is_symlink()
        assert contents(tmp_path / "real") == as_contents(TWO)

    def test_a_link_to_nothing_makes_its_target(self, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to("real")
        write(ONE, tmp_path / "link")
        assert contents(tmp_path / "real") == as_contents(ONE)

    def test_relative(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        write(ONE, Path("x/../deep/out"))
        assert contents(tmp_path / "deep/out") == as_contents(ONE)

    @pytest.mark.parametrize("below", ["", "below"])
    def test_the_working_folder_stays_the_same_folder(
        self, out: Path, below: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(ONE, out)
        (out / "a").rename(out / "aside")  # so that nothing but ours is there
        (out / "aside").rename(out / "a")
        stand = out / "a" if below else out
        monkeypatch.chdir(stand)
        inode = stand.stat().st_ino
        write(TWO, out)
        assert Path.cwd() == stand
        assert stand.stat().st_ino == inode
        assert contents(out) == as_contents(TWO)

    def test_permissions_of_the_folder_stay(self, out: Path, way: str) -> None:
        out.mkdir(mode=0o700)
        write(ONE, out)
        write(TWO, out)
        assert out.stat().st_mode & 0o777 == 0o700

    def test_a_file(self, out: Path) -> None:
        out.write_text("mine")
        with pytest.raises(OptimuxError, match="is no folder"):
            write(ONE, out)
        assert out.read_text() == "mine"

    def test_below_a_file(self, out: Path) -> None:
        out.write_text("mine")
        with pytest.raises(OptimuxError, match="cannot be"):
            write(ONE, out / "below")

    def test_a_loop(self, out: Path) -> None:
        out.symlink_to("out")
        with pytest.raises(OptimuxError, match="cannot be written"):
            write(ONE, out / "below")
        assert out.is_symlink()

    def test_where_nothing_can_be_made(self) -> None:
        with pytest.raises(OptimuxError, match="cannot be written"):
            write(ONE, Path("/proc/optimux"))

    def test_a_full_disk(self, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(descriptor: int, mode: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fchmod", full)
        with pytest.raises(OptimuxError) as caught:
            write(ONE, out)
        assert str(caught.value) == f"{out} cannot be written: No space left on device"
        assert list(out.parent.iterdir()) == []

    @needs_mortal
    def test_parent_that_may_not_be_written(self, out: Path) -> None:
        """A home folder below /home: in place then."""
        write(ONE, out)
        out.parent.chmod(0o500)
        try:
            write(TWO, out)
            with pytest.raises(OptimuxError, match="Permission denied"):
                write(ONE, out.parent / "other")
        finally:
            out.parent.chmod(0o700)
        assert contents(out) == as_contents(TWO)

    @needs_mortal
    def test_folder_that_may_not_be_written(self, out: Path) -> None:
        write(ONE, out)
        (out / "mine").touch()
        out.chmod(0o500)
        try:
            with pytest.raises(OptimuxError, match="Permission denied"):
                write(TWO, out)
        finally:
            out.chmod(0o700)
        assert compare(ONE, out).is_current
