"""Writing where the user keeps files too, or changed ours, or damaged the index."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from optimux.bundle.folder import compare, write
from optimux.bundle.index import INDEX
from optimux.emit.artifact import Artifact
from optimux.errors import OptimuxError
from optimux.files import renames
from tests.cli.command import ONE, TWO, as_contents, contents, leftovers, state

if TYPE_CHECKING:
    from collections.abc import Iterator


class TestTheUsersFiles:
    """What Optimux did not write."""

    @pytest.fixture
    def mine(self, out: Path) -> Iterator[Path]:
        """A folder of ours with a file, a link, a folder and a pipe of the user's."""
        write(ONE, out)
        (out / "mine").write_text("mine")
        (out / "a" / "mine").write_text("mine too")
        (out / "link").symlink_to("/nowhere")
        (out / "empty").mkdir(mode=0o700)
        os.mkfifo(out / "pipe")
        before = {
            path: path.lstat().st_ino for path in out.rglob("*") if path.name in ("mine", "link", "empty", "pipe")
        }
        yield out
        assert before == {path: path.lstat().st_ino for path in before}
        assert (out / "a" / "mine").read_text() == "mine too"

    def test_stay(self, mine: Path) -> None:
        write(TWO, mine)
        ours = {path: content for path, content in contents(mine).items() if not path.endswith("mine")}
        assert ours == as_contents(TWO)
        assert not leftovers(mine)

    def test_stay_with_force(self, mine: Path) -> None:
        write(TWO, mine, force=True)

    def test_stay_when_nothing_is_left_of_ours(self, mine: Path) -> None:
        write((), mine)
        assert set(contents(mine)) == {"mine", "a/mine"}

    def test_open_files_stay_the_same_files(self, mine: Path) -> None:
        """A disk image that a VM has open, beside the bundle."""
        with (mine / "mine").open("r+") as image:
            write(TWO, mine)
            image.write("written by a VM")
        assert (mine / "mine").read_text() == "written by a VM"

    def test_stay_when_writing_fails(self, mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        before, real = state_without_pipe(mine), renames.rename2

        def full(source: int, name: str, target: int, new: str, flags: int) -> int:
            return errno.ENOSPC if new == "new" else real(source, name, target, new, flags)

        monkeypatch.setattr(renames, "rename2", full)
        with pytest.raises(OptimuxError, match="No space left on device"):
            write(TWO, mine)
        monkeypatch.undo()
        assert state_without_pipe(mine) == before
        assert compare(ONE, mine).is_current


def state_without_pipe(folder: Path) -> object:
    """The pipe has no content to compare."""
    return {path: found for path, found in state(folder).items() if path != "pipe"}


def _refused(out: Path, *, force: bool = False) -> str:
    before = state(out)
    with pytest.raises(OptimuxError) as caught:
        write(TWO, out, force=force)
    assert state(out) == before
    assert "Nothing was written" in str(caught.value)
    return str(caught.value)


def test_a_users_file_in_the_way(out: Path) -> None:
    (out / "a").mkdir(parents=True)
    (out / "a/one.xml").write_text("mine")
    assert "a/one.xml" in _refused(out)
    write(TWO, out, force=True)
    assert contents(out) == as_contents(TWO)


def test_the_same_bytes_are_nobodys(out: Path) -> None:
    """A bundle from version control, or one whose index was removed."""
    write(TWO, out)
    (out / INDEX).unlink()
    assert write(TWO, out).is_current
    assert (out / INDEX).exists()


def test_a_generated_file_that_was_changed(out: Path, way: str) -> None:
    write(ONE, out)
    (out / "a/one.xml").write_text("improved")
    assert "a/one.xml" in _refused(out)
    write(TWO, out, force=True)
    assert contents(out) == as_contents(TWO)


def test_an_obsolete_file_that_was_changed(out: Path, way: str) -> None:
    write(ONE, out)
    (out / "hook").write_text("improved")
    assert "hook" in _refused(out)


def test_a_file_that_the_user_removed_comes_back(out: Path, way: str) -> None:
    write(ONE, out)
    (out / "hook").unlink()
    assert compare(ONE, out).added == ("hook",)
    write(ONE, out)
    assert contents(out) == as_contents(ONE)


@pytest.mark.parametrize("force", [False, True])
def test_a_link_instead_of_a_folder(out: Path, tmp_path: Path, force: bool) -> None:
    """``a`` leads elsewhere: neither written through nor removed."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "one.xml").write_bytes(TWO[0].content)
    out.mkdir()
    (out / "a").symlink_to(elsewhere)
    assert "  a\n" in _refused(out, force=force)
    assert [path.name for path in elsewhere.iterdir()] == ["one.xml"]


@pytest.mark.parametrize("force", [False, True])
def test_a_file_instead_of_a_folder(out: Path, force: bool) -> None:
    out.mkdir()
    (out / "b").write_text("mine")
    assert "  b\n" in _refused(out, force=force)


@pytest.mark.parametrize("force", [False, True])
def test_a_folder_instead_of_a_file(out: Path, force: bool) -> None:
    (out / "a/one.xml").mkdir(parents=True)
    (out / "a/one.xml/mine").write_text("mine")
    assert "  a/one.xml\n" in _refused(out, force=force)


def test_a_link_instead_of_a_file_is_not_followed(out: Path, tmp_path: Path, way: str) -> None:
    target = tmp_path / "target"
    target.write_bytes(ONE[0].content)
    write(ONE, out)
    (out / "a/one.xml").unlink()
    (out / "a/one.xml").symlink_to(target)
    assert "a/one.xml" in _refused(out)
    write(TWO, out, force=True)
    assert target.read_bytes() == ONE[0].content
    assert not (out / "a/one.xml").is_symlink()


class TestTheIndex:
    """``.optimux.json`` says what is ours; it may be damaged, or somebody else's."""

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "{",
            "[]",
            "null",
            '{"files": 1}',
            '{"files": null}',
            '{"a": {}}',
            "\xff",
            "[" * 100_000,
            '{"files": {}, "replaced": 1}',
        ],
    )
    def test_damaged(self, text: str, out: Path) -> None:
        write(ONE, out)
        (out / INDEX).write_text(text, encoding="latin-1")
        before = state(out)
        with pytest.raises(OptimuxError, match="is damaged"):
            write(TWO, out)
        assert state(out) == before
        (out / INDEX).unlink()
        assert "hook" not in _refused(out)  # nobody's now, so it stays

    def test_is_a_link(self, out: Path, tmp_path: Path) -> None:
        write(ONE, out)
        (out / INDEX).rename(tmp_path / "index")
        (out / INDEX).symlink_to(tmp_path / "index")
        with pytest.raises(OptimuxError, match="is damaged"):
            write(TWO, out)

    @pytest.mark.parametrize(
        "path", ["../victim", "/tmp/victim", "a/../../victim", ".", "", "a//one.xml", "x\0y", "\ud800"]
    )
    def test_leads_outside(self, path: str, out: Path, way: str) -> None:
        from hashlib import sha256

        victim = out.parent / "victim"
        victim.write_text("victim")
        write(ONE, out)
        index = json.loads((out / INDEX).read_text())
        index["files"][path] = sha256(b"victim").hexdigest()
        (out / INDEX).write_text(json.dumps(index))
        write(TWO, out)
        assert victim.read_text() == "victim"
        assert contents(out) == as_contents(TWO)

    def test_leads_outside_by_a_link(self, out: Path, tmp_path: Path) -> None:
        from hashlib import sha256

        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        (elsewhere / "victim").write_text("victim")
        write(ONE, out)
        (out / "link").symlink_to(elsewhere)
        index = json.loads((out / INDEX).read_text())
        index["files"]["link/victim"] = sha256(b"victim").hexdigest()
        (out / INDEX).write_text(json.dumps(index))
        write(TWO, out)
        assert (elsewhere / "victim").read_text() == "victim"


def test_an_artifact_that_would_leave_the_folder(out: Path) -> None:
    with pytest.raises(OptimuxError, match="outside"):
        write((Artifact("../x", b""),), out)
    assert not out.exists()
    assert not (out.parent / "x").exists()
