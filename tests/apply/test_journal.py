"""The journal, what it says of the present, the lock and the shell, to the letter."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import os
import stat
import subprocess
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from optimux.emit.artifact import STEPS
from optimux.errors import OptimuxError
from optimux.files.root import Root
from optimux.files.state import Metadata, State
from optimux.host import shell as shells
from optimux.host.journal import CommandRun, DomainChange, FileChange, Transaction, encoded, save, transactions
from optimux.host.lock import locked
from optimux.host.past import Past, same
from optimux.host.shell import Shell
from tests.detect.tree import put

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

STATE = State(b"a\xff", Metadata(0o640, 1, 2, {"user.x": b"\0"}, (3, 4)))
LINK = State(b"", Metadata(0o777), "/target")
WHOLE = Transaction(
    1, "2026-01-01T00:00:00Z", "1.2", "abc", "begun",
    (FileChange("/a", None, STATE, ("/b",), "modules"), FileChange("/c", LINK, None)),
    (CommandRun("run", "initramfs", "undo", ("/a",), True, True),),
    (DomainChange("win", None, "<after/>", "qemu:///x", "<told/>"),),
)  # fmt: skip
WRITTEN = {
    "number": 1,
    "at": "2026-01-01T00:00:00Z",
    "version": "1.2",
    "digest": "abc",
    "stage": "begun",
    "files": [
        {
            "path": "/a",
            "before": None,
            "after": {
                "content": base64.b64encode(b"a\xff").decode(),
                "metadata": {
                    "mode": 0o640, "owner": 1, "group": 2, "times": [3, 4],
                    "attributes": {"user.x": base64.b64encode(b"\0").decode()},
                },
                "link": None,
            },
            "folders": ["/b"],
            "step": "modules",
        },
        {
            "path": "/c",
            "before": {
                "content": "",
                "metadata": {"mode": 0o777, "owner": None, "group": None, "attributes": {}, "times": None},
                "link": "/target",
            },
            "after": None,
            "folders": [],
            "step": "files",
        },
    ],
    "commands": [
        {"command": "run", "step": "initramfs", "undo": "undo", "after": ["/a"], "offline": True, "ended": True}
    ],
    "domains": [{"name": "win", "before": None, "after": "<after/>", "uri": "qemu:///x", "told": "<told/>"}],
}  # fmt: skip
FILE = "/var/lib/optimux/journal/1.json"
REMEDY = (
    "Nothing was changed. Bring it back from a backup, or move /var/lib/optimux/journal away: apply then starts anew, "
    "and what was done before cannot be undone by rollback."
)


def begun(number: int, *runs: CommandRun, files: Sequence[FileChange] = (), stage: Any = "applied") -> Transaction:
    """A transaction of these commands and files."""
    return Transaction(number, "", "", "", stage, tuple(files), runs)


def test_a_transaction_as_it_is_written(tmp_path: Path) -> None:
    body, digest, rest = encoded(WHOLE).split(b"\n")
    assert (digest.decode(), rest) == (hashlib.sha256(body).hexdigest(), b"")
    assert json.loads(body) == WRITTEN
    with Root(tmp_path) as root:
        save(root, WHOLE)
        assert stat.S_IMODE((tmp_path / FILE[1:]).stat().st_mode) == 0o600
        assert transactions(root) == (WHOLE,)
        save(root, WHOLE.replace(number=2, stage="applied"))
        save(root, WHOLE.replace(number=4))
        assert [found.number for found in transactions(root)] == [1, 2]


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{}\n", encoded(WHOLE) + b"x", encoded(WHOLE).replace(b'"1.2"', b'"1.3"')),
        *(b"[]\n" + hashlib.sha256(b"[]").hexdigest().encode() + b"\n", encoded(WHOLE) + b"\n"),
        b"{}\n" + hashlib.sha256(b"{}").hexdigest().encode() + b"\n",
    ],
)
def test_a_journal_that_is_damaged(content: bytes, tmp_path: Path) -> None:
    put(tmp_path, FILE, content)
    (tmp_path / FILE[1:]).chmod(0o600)
    with Root(tmp_path) as root, pytest.raises(OptimuxError) as caught:
        transactions(root)
    assert str(caught.value) == f"{FILE} is damaged, or was changed by hand. {REMEDY}"


def test_a_journal_of_others(tmp_path: Path) -> None:
    put(tmp_path, FILE, encoded(WHOLE))
    (tmp_path / FILE[1:]).chmod(0o602)
    with Root(tmp_path) as root, pytest.raises(OptimuxError) as caught:
        transactions(root)
    assert str(caught.value) == f"{FILE} may have been written by others: it is not trusted. {REMEDY}"


def test_stages_and_steps() -> None:
    stages = [stage for stage in ("begun", "applied", "undoing", "undone") if begun(1, stage=stage).is_open]
    assert stages == ["begun", "undoing"]
    assert [step for step in STEPS if CommandRun("x", step).boots] == ["boot-loader", "initramfs"]
    assert CommandRun("x", "services") == CommandRun("x", "services", "", (), False, False)
    assert FileChange("/a", None, None).step == "files"


def test_what_the_journal_says_of_the_present() -> None:
    first, second, third = (State(word, Metadata(0o644)) for word in (b"1", b"2", b"3"))
    past = Past(
        (
            begun(
                1,
                CommandRun("a", "services", "undo a", ended=True),
                files=[FileChange("/f", first, second, (), "files")],
            ),
            begun(2, CommandRun("a", "services", "undo a"), files=[FileChange("/f", second, third, (), "modules")]),
            begun(3, CommandRun("c", "services", "undo c"), files=[FileChange("/g", None, first)], stage="undone"),
            begun(4, CommandRun("undo b", "services", ended=True), CommandRun("b", "services", "undo b", ended=True)),
            begun(
                5, CommandRun("undo d", "services"), CommandRun("d", "services", "undo d"), CommandRun("e", "services")
            ),
        )
    )
    assert [found.number for found in past.active] == [1, 2, 4, 5]
    assert set(past.owned) == {"/f"}
    owned = past.owned["/f"]
    assert (owned.original, owned.last, owned.step, owned.path) == (first, third, "modules", "/f")
    assert [name for name in "abcde" if past.is_unfinished(name)] == ["a", "d", "e"]
    assert [name for name in "abcde" if past.has(name)] == ["a", "b", "d", "e"]
    assert [run.command for run in past.reversible()] == ["a", "d"]


@pytest.mark.parametrize(
    ("other", "equal"),
    [
        (STATE, True),
        (None, False),
        (STATE.replace(content=b"b"), False),
        (STATE.replace(metadata=STATE.metadata.replace(mode=0o600)), False),
        (STATE.replace(metadata=STATE.metadata.replace(owner=9)), False),
        (STATE.replace(metadata=STATE.metadata.replace(group=9)), False),
        (STATE.replace(metadata=STATE.metadata.replace(owner=None, group=None)), True),
        (STATE.replace(metadata=STATE.metadata.replace(times=None)), True),
        (LINK, False),
    ],
)
def test_states_that_are_one(other: State | None, equal: bool) -> None:
    assert same(STATE, other) == equal
    assert same(other, STATE) == equal
    assert same(None, None)
    assert same(LINK, LINK.replace(metadata=Metadata(0o600)))
    assert not same(LINK, LINK.replace(link="/other"))


def test_a_lock_is_held_within(tmp_path: Path) -> None:
    with Root(tmp_path) as root:
        with locked(root), pytest.raises(OptimuxError) as caught, locked(root):
            pytest.fail("it was had twice")
        with locked(root):
            pass
    assert str(caught.value) == (
        "another run of Optimux is changing this host (/var/lib/optimux is locked). Nothing was changed. Wait for it, "
        "then run this again."
    )


@pytest.mark.parametrize(("number", "goes"), [(13, False), (11, False), (37, True), (95, True), (22, True), (5, None)])
def test_what_a_lock_answers(number: int, goes: bool | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def flock(descriptor: int, flags: int) -> None:
        asked.append(flags)
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    with Root(tmp_path) as root:
        if goes:
            with locked(root):
                assert asked == [fcntl.LOCK_EX | fcntl.LOCK_NB]
        else:
            with pytest.raises(OSError if goes is None else OptimuxError), locked(root):
                pytest.fail("it was had")


def test_a_shell_of_this_machine(capfd: pytest.CaptureFixture[str]) -> None:
    shell, other = Shell(), Shell("/x")
    assert (shell.can(True), shell.can(False), other.can(True), other.can(False)) == (True, True, True, False)
    assert not Shell(runs=False).can(True)
    assert shell.run("echo said; echo $DEBIAN_FRONTEND; cat; exit 4") == 4
    assert capfd.readouterr() == ("", "said\nnoninteractive\n")
    tests = ("true", "false", "exit 1", "echo loud; true", "cat")
    assert shell.holds(tests) == (True, False, False, True, True)
    assert capfd.readouterr() == ("", "")
    assert shell.holds(()) == ()
    assert Shell(runs=False).holds(tests) == (False,) * 5


def test_a_shell_that_has_no_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    assert Shell().run("echo lost") == 0
    assert shells._where_errors_go() == subprocess.DEVNULL


def test_a_shell_in_another_root(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[tuple[list[str], float | None]] = []

    def run(line: list[str], **named: Any) -> Any:
        called.append((line, named.get("timeout")))
        if "timeout" in named:
            raise subprocess.TimeoutExpired(line, 1)
        return SimpleNamespace(returncode=3)

    monkeypatch.setattr(subprocess, "run", run)
    assert Shell("/other").run("x") == 3
    assert Shell("/other").holds(["true", "false"]) == (False, False)
    assert [line[:4] for line, _ in called] == [["chroot", "/other", "sh", "-c"]] * 2
    assert [limit for _, limit in called] == [None, 60]


@pytest.mark.parametrize("runs", [True, False])
def test_what_is_settled(runs: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[bool] = []
    monkeypatch.setattr(os, "sync", lambda: synced.append(True))
    Shell(runs=runs).settle()
    assert synced == [True] * runs
