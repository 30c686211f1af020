"""Apply and rollback killed before each call that writes, and met by a full disk there: finished, or undone."""

from __future__ import annotations

import os
import shutil
import signal
from typing import TYPE_CHECKING

import pytest

from optimux.emit.artifact import HostCommand
from optimux.errors import OptimuxError
from optimux.files.root import Root
from optimux.host.journal import transactions
from tests.apply.hosts import DEEP, OURS, Tree, apply, entries, host, look, tree, undo
from tests.cli.calls import calls_counted, killed, no_room

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MOST_CALLS = 400


@pytest.fixture(autouse=True)
def _nothing_is_synced(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test here cuts the power."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    monkeypatch.setattr(os, "sync", lambda: None)


def killed_at(number: int, act: Callable[[Path], object], folder: Path) -> bool:
    """Run in a child that is killed before that call; whether it came to its end."""
    return killed(number, lambda: act(folder))


def _apply(folder: Path) -> None:
    apply(folder, entries(folder))


def is_whole(folder: Path) -> bool:
    """Whether each file is what it was or what it becomes, never anything between."""
    ours, deep, users = folder / OURS[1:], folder / DEEP[1:], folder / "etc/qemu.conf"
    return (
        (not ours.exists() or ours.read_text() == "options vfio-pci ids=1\n")
        and (not deep.exists() or deep.read_text() == "deep\n")
        and users.read_text().startswith("mine = 1\nlist = [\n")
        and users.read_text().endswith("\n]\n")
    )


def settled(folder: Path) -> Tree:
    """The tree without what commands leave beside it: they act again."""
    return {name: held for name, held in tree(folder).items() if not name.startswith("state/image")}


def test_apply_killed_at_every_call(tmp_path: Path) -> None:
    """The next apply finishes; then rollback gives everything back."""
    counts = 0
    for count in range(1, MOST_CALLS):
        folder = host(tmp_path / str(count))
        before = settled(folder)
        survived = killed_at(count, _apply, folder)
        assert is_whole(folder), count
        apply(folder, entries(folder))
        assert (folder / OURS[1:]).exists()
        assert (folder / "state/group").exists()
        assert (folder / "state/image").read_text() == "options vfio-pci ids=1\n", count
        assert look(folder, entries(folder)).is_empty, count
        assert undo(folder) == ()
        assert settled(folder) == before, count
        assert (folder / "state/image").read_text() == "none\n"
        shutil.rmtree(folder)
        counts += 1
        if survived:
            break
    assert 60 < counts < MOST_CALLS - 1


def test_apply_killed_then_rolled_back(tmp_path: Path) -> None:
    """Without an apply between."""
    for count in range(1, MOST_CALLS):
        folder = host(tmp_path / str(count))
        before = settled(folder)
        survived = killed_at(count, _apply, folder)
        undo(folder)
        assert settled(folder) == before, count
        with Root(folder) as root:
            assert all(not transaction.is_open for transaction in transactions(root))
        shutil.rmtree(folder)
        if survived:
            break
    assert 60 < count < MOST_CALLS - 1


@pytest.mark.parametrize("then", ["undo", "apply"])
def test_rollback_killed_at_every_call(tmp_path: Path, then: str) -> None:
    """The next rollback finishes; or apply does it all again, after which rollback gives everything back."""
    for count in range(1, MOST_CALLS, 1 if then == "undo" else 3):
        folder = host(tmp_path / str(count))
        before = settled(folder)
        apply(folder, entries(folder))
        survived = killed_at(count, undo, folder)
        assert is_whole(folder), count
        if then == "apply":
            apply(folder, entries(folder))
            assert look(folder, entries(folder)).is_empty, count
            assert (folder / "state/image").read_text() == "options vfio-pci ids=1\n"
        undo(folder)
        assert settled(folder) == before, count
        shutil.rmtree(folder)
        if survived:
            break
    assert 30 < count < MOST_CALLS - 1


def test_no_room_at_every_call(tmp_path: Path) -> None:
    """Either it does without, or everything is taken back and the reason is told."""
    refused = 0
    for count in range(1, MOST_CALLS):
        folder = host(tmp_path / str(count))
        before = settled(folder)
        with calls_counted(count, no_room, reading=False) as calls:
            try:
                apply(folder, entries(folder))
                words = ""
            except OptimuxError as error:
                words = str(error)
        if words:
            refused += 1
            assert "No space left on device" in words
            assert settled(folder) == before, (count, words)
        apply(folder, entries(folder))
        assert look(folder, entries(folder)).is_empty
        undo(folder)
        assert settled(folder) == before, count
        shutil.rmtree(folder)
        if calls.count < count:
            break
    assert refused > 40


def test_killed_while_a_command_runs(tmp_path: Path) -> None:
    """It is run again: nobody knows how far it came."""
    folder = host(tmp_path / "host")
    before = settled(folder)
    go, ran = folder / "state/go", folder / "state/image"
    deadly = HostCommand(
        f"echo once >>{ran}; test -e {go} || kill -9 $PPID", "rebuilds", step="initramfs", after=(OURS,)
    )
    wanted = [*entries(folder)[:3], deadly]
    child = os.fork()
    if child == 0:
        try:
            apply(folder, wanted)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    assert is_whole(folder)
    assert (folder / OURS[1:]).exists()
    go.touch()
    assert [command.command for command in apply(folder, wanted).commands] == [deadly.command]
    assert ran.read_text() == "once\nonce\n"
    assert look(folder, wanted).is_empty
    undo(folder)
    go.unlink()
    assert settled(folder) == before
