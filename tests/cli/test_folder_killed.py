"""Writers that are killed, or that meet: the folder is complete or untouched, and the next run cleans up."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from optimux.bundle import folder as folder_module
from optimux.bundle.folder import compare, write
from optimux.bundle.index import INDEX
from optimux.emit.artifact import Artifact
from optimux.errors import OptimuxError
from tests.cli.calls import calls_counted, killed_at, no_room
from tests.cli.command import ONE, TWO, as_contents, contents, environment, leftovers, state

MOST_CALLS = 400


class TestKilledAtEveryCall:
    """Before each call that touches a file: the folder is complete or untouched, and the next run cleans up."""

    def test_while_exchanging(self, out: Path) -> None:
        write(ONE, out)
        before = state(out)
        for count in range(1, MOST_CALLS):
            survived = killed_at(count, TWO, out)
            if contents(out) == as_contents(TWO):
                assert compare(TWO, out).is_current
            else:
                assert state(out) == before
            write(ONE, out)
            assert leftovers(out.parent) == []
            assert state(out) == before
            if survived:
                break
        assert 25 < count < MOST_CALLS - 1

    def test_before_the_first_write(self, out: Path) -> None:
        for count in range(1, MOST_CALLS):
            survived = killed_at(count, TWO, out)
            assert not out.exists() or compare(TWO, out).is_current
            write(TWO, out)
            assert leftovers(out.parent) == []
            assert contents(out) == as_contents(TWO)
            shutil.rmtree(out)
            if survived:
                break
        assert 20 < count < MOST_CALLS - 1

    def test_beside_the_users_files(self, out: Path) -> None:
        """Between the renames both states may be there; nothing is lost, and the next run finishes, with any input."""
        three = (Artifact("a/one.xml", b"<three/>\n"), Artifact("top", b"three\n"))
        for count in range(1, MOST_CALLS):
            write(ONE, out)
            (out / "mine").write_text("mine")
            survived = killed_at(count, TWO, out)
            found = contents(out)
            assert found["mine"] == b"mine"
            assert found["a/one.xml"] in (ONE[0].content, TWO[0].content)
            write(three, out)
            assert contents(out) == as_contents(three) | {"mine": b"mine"}
            assert leftovers(out) == []
            assert "replaced" not in json.loads((out / INDEX).read_text())
            shutil.rmtree(out)
            if survived:
                break
        assert 35 < count < MOST_CALLS - 1


@pytest.mark.parametrize("with_mine", [False, True], ids=["exchange", "merge"])
def test_no_room_at_every_call(out: Path, with_mine: bool) -> None:
    """An error at any call: explained, and the folder is as it was, or the run could do without that call."""
    write(ONE, out)
    if with_mine:
        (out / "mine").write_text("mine")
    before, contents_before, refused = state(out), contents(out), 0
    after = as_contents(TWO) | ({"mine": b"mine"} if with_mine else {})
    for count in range(1, MOST_CALLS):
        with calls_counted(count, no_room, reading=False) as calls:
            words = refusal(out)
        refused += bool(words)
        assert words is None or "No space left on device" in words
        found = {path: held for path, held in contents(out).items() if "optimux-new" not in path}
        assert found == (after if words is None else contents_before)
        write(ONE, out)
        assert state(out) == before
        assert leftovers(out.parent) == []
        if calls.count < count:
            break
    assert refused > 20


def refusal(folder: Path) -> str | None:
    """Why TWO was not written; ``None`` when it was."""
    try:
        write(TWO, folder)
    except OptimuxError as error:
        return str(error)
    return None


WRITER = """
import sys
from pathlib import Path
from optimux.bundle.folder import write
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
    assert not leftovers(out.parent)


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
