"""Writers that are killed, or that meet: the folder is complete or untouched, and the next run cleans up."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from optimux.bundle import folder as folder_module
from optimux.bundle.folder import compare, write
from optimux.bundle.index import INDEX
from optimux.emit.artifact import Artifact
from optimux.errors import OptimuxError
from tests.cli.command import ONE, TWO, as_contents, contents, environment, leftovers, state

if TYPE_CHECKING:
    pass

# A child that writes TWO over ONE and stops in the midst, for good, at a point given by name.
CHILD = """
import os, sys
from pathlib import Path
from optimux.bundle import folder, place
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
    assert not leftovers(out.parent)


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
    assert not leftovers(out)
    assert "replaced" not in json.loads((out / INDEX).read_text())


def test_killed_before_the_first_write(out: Path) -> None:
    _kill_at("staging", out)
    assert not out.exists()
    write(TWO, out)
    assert contents(out) == as_contents(TWO)
    assert not leftovers(out.parent)


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
