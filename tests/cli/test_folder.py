"""Writing: complete or untouched, and nothing of the user's is lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from optimux.emit.artifact import Artifact
from optimux.errors import OptimuxError
from optimux.host import folder as folder_module
from optimux.host import place
from optimux.host.folder import compare, write
from optimux.host.index import INDEX
from tests.cli.command import ONE, TWO, as_contents, contents, environment, state

if TYPE_CHECKING:
    from collections.abc import Iterator

needs_mortal = pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")


@pytest.fixture(params=["exchange", "merge", "no renameat2"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each way to write: the exchange of the folder, file by file, and what a kernel without the exchange leaves."""
    if request.param == "merge":
        monkeypatch.setattr(folder_module, "_may_swap", lambda folder, index: not folder.exists())
    if request.param == "no renameat2":
        monkeypatch.setattr(place, "exchange", lambda staging, folder: False)
    return str(request.param)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def _leftovers(parent: Path) -> list[str]:
    return [path.name for path in parent.rglob("*") if "optimux-new" in path.name]


def test_first_write(out: Path) -> None:
    comparison = write(ONE, out)
    assert comparison.added == tuple(artifact.path for artifact in ONE)
    assert contents(out) == as_contents(ONE)
    assert compare(ONE, out).is_current
    assert not _leftovers(out.parent)


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
    assert not _leftovers(out.parent)


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
        assert not _leftovers(mine)

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
        before, rename = state_without_pipe(mine), Path.rename

        def full(self: Path, target: Path) -> Path:
            if target.name == "new":
                raise OSError(28, "No space left on device", str(target))
            return rename(self, target)

        monkeypatch.setattr(Path, "replace", full)
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


# A child that writes TWO over ONE and stops in the midst, for good, at a point given by name.
CHILD = """
import os, sys
from pathlib import Path
from optimux.host import folder, place
from tests.cli.command import TWO

def stop(*arguments, **keywords):
    print("stopped", flush=True)
    sys.stdin.read()

def stop_at(count, real):
    def counted(*arguments, **keywords):
        counted.calls += 1
        return stop() if counted.calls == count else real(*arguments, **keywords)
    counted.calls = 0
    return counted

where, out = sys.argv[1:]
if where == "staging":
    place._place = stop_at(2, place._place)
elif where == "before the exchange":
    place.exchange = stop
elif where == "after the exchange":
    real = place.exchange
    place.exchange = lambda *paths: real(*paths) and stop()
elif where.startswith("rename "):
    Path.replace = stop_at(int(where.split()[1]), Path.replace)
folder.write(TWO, Path(out))
"""


def _kill_at(where: str, out: Path) -> None:
    env = environment()
    env["PYTHONPATH"] += f":{Path(__file__).parents[2]}"
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, where, str(out)], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout
        assert child.stdout.readline() == b"stopped\n"
        child.kill()
        child.wait(30)


@pytest.mark.parametrize("where", ["staging", "before the exchange", "after the exchange"])
def test_killed_while_exchanging(where: str, out: Path) -> None:
    """The folder is complete or untouched, and the next run cleans up."""
    write(ONE, out)
    before = state(out)
    _kill_at(where, out)
    if where == "after the exchange":
        assert contents(out) == as_contents(TWO)
        assert compare(TWO, out).is_current
    else:
        assert state(out) == before
    write(TWO, out)
    (out.parent / "other").mkdir()
    write((*TWO, *ONE[1:]), out)
    assert not _leftovers(out.parent)


@pytest.mark.parametrize("where", ["staging", *(f"rename {number}" for number in range(1, 5))])
def test_killed_beside_the_users_files(where: str, out: Path) -> None:
    """Between the renames both states may be there; nothing is lost, and the next run finishes, with any input."""
    write(ONE, out)
    (out / "mine").write_text("mine")
    _kill_at(where, out)
    found = contents(out)
    assert found["mine"] == b"mine"
    assert found["a/one.xml"] in (ONE[0].content, TWO[0].content)
    three = (Artifact("a/one.xml", b"<three/>\n"), Artifact("top", b"three\n"))
    write(three, out)
    assert contents(out) == as_contents(three) | {"mine": b"mine"}
    assert not _leftovers(out)
    assert "replaced" not in json.loads((out / INDEX).read_text())


def test_killed_before_the_first_write(out: Path) -> None:
    _kill_at("staging", out)
    assert not out.exists()
    write(TWO, out)
    assert contents(out) == as_contents(TWO)
    assert not _leftovers(out.parent)


WRITER = """
import sys
from pathlib import Path
from optimux.host.folder import write
from tests.cli.command import ONE, TWO
for _ in range(25):
    for artifacts in (ONE, TWO) if sys.argv[2] == "1" else (TWO, ONE):
        write(artifacts, Path(sys.argv[1]))
"""


@pytest.mark.parametrize("with_mine", [False, True])
def test_two_writers(out: Path, with_mine: bool) -> None:
    """Whoever comes last wins, whole; neither fails."""
    if with_mine:
        out.mkdir()
        (out / "mine").write_text("mine")
    env = environment()
    env["PYTHONPATH"] += f":{Path(__file__).parents[2]}"
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(out), number], env=env, stderr=subprocess.PIPE)
        for number in "12"
    ]
    for writer in writers:
        _, errors = writer.communicate(timeout=60)
        assert (writer.returncode, errors) == (0, b"")
    found = contents(out)
    assert found.pop("mine", b"mine") == b"mine"
    assert found in (as_contents(ONE), as_contents(TWO))
    assert not _leftovers(out.parent)


def test_a_lock_that_nobody_gives_up(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    monkeypatch.setattr(folder_module, "LOCK_SECONDS", 0.05)
    descriptor = os.open(out.parent, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with pytest.raises(OptimuxError, match="locked"):
            write(ONE, out)
    finally:
        os.close(descriptor)
    assert not out.exists()
    write(ONE, out)
