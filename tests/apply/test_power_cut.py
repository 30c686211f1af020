"""Power that is cut before each call that writes, on a real ext4: what the disk has then is finished, or undone.

What a file system has not written out yet is in memory; the file below a loop device is what its disk has. A copy of
that file is the disk after a power cut, and mounting it replays the journal as a boot does.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from optimux.files import renames
from optimux.files.root import Root
from optimux.host.journal import transactions
from tests import needs
from tests.apply.hosts import apply, entries, host, look, undo
from tests.apply.test_killed import is_whole, settled
from tests.cli.calls import CALLS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from optimux.host.journal import Transaction

_SIZE = 8 << 20
_ATTEMPTS = 6
# ext4 writes a renamed file out by itself, unless told not to: others have no such mercy.
_OPTIONS = "loop,noauto_da_alloc,commit=600"


@contextlib.contextmanager
def mounted(image: Path, point: Path) -> Iterator[Path]:
    """The image's file system, as a boot finds it."""
    point.mkdir(exist_ok=True)
    subprocess.run(["mount", "-o", _OPTIONS, image, point], check=True, capture_output=True)
    try:
        yield point
    finally:
        subprocess.run(["umount", point], check=True)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A small ext4 with a host on it."""
    needs.root("mount")
    path = tmp_path / "disk.ext4"
    path.touch()
    os.truncate(path, _SIZE)
    if shutil.which("mke2fs") is None:
        pytest.skip("no mke2fs here (Debian package e2fsprogs)")
    subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", "-J", "size=1", path], check=True)
    try:
        with mounted(path, tmp_path / "mount") as folder:
            host(folder)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no loop devices here: {error.stderr.decode()}")
    return path


def disks(image: Path, point: Path, act: Callable[[Path], Any], monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The disk before each writing call of ``act``, and after the last, each state once."""
    found: dict[str, Path] = {}

    def cut() -> None:
        content = image.read_bytes()
        path = image.with_name(f"{len(found)}.ext4")
        if found.setdefault(hashlib.sha256(content).hexdigest(), path) == path:
            path.write_bytes(content)

    def before(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **keywords: Any) -> Any:
            cut()
            return real(*arguments, **keywords)

        return call

    with mounted(image, point), monkeypatch.context() as patch:
        for name in CALLS:
            patch.setattr(os, name, before(getattr(os, name)))
        patch.setattr(renames, "rename2", before(renames.rename2))
        act(point)
        cut()
    return [*found.values()]


def _apply(folder: Path) -> None:
    apply(folder, entries(folder))


def _is_complete(folder: Path) -> None:
    assert (folder / "state/image").read_text() == "options vfio-pci ids=1\n"
    assert (folder / "state/group").exists()


def _transactions(folder: Path) -> tuple[Transaction, ...]:
    with Root(folder) as root:
        return transactions(root)


def _stages(folder: Path) -> list[str]:
    return [transaction.stage for transaction in _transactions(folder)]


def _survives(disk: Path, point: Path, before: Any) -> str:
    """Finished by the next apply, undone by the rollback after it; the stage that the journal had."""
    with mounted(disk, point) as folder:
        assert is_whole(folder), disk
        (stage,) = _stages(folder) or ["none"]
        if stage == "applied":
            _is_complete(folder)
        apply(folder, entries(folder))
        _is_complete(folder)
        assert look(folder, entries(folder)).is_empty, disk
        assert undo(folder) == ()
        assert settled(folder) == before, disk
    return stage


def _is_undone(disk: Path, point: Path, before: Any) -> None:
    with mounted(disk, point) as folder:
        if _stages(folder) == ["undone"]:
            assert (folder / "state/image").read_text() == "none\n"
        assert undo(folder) == ()
        assert settled(folder) == before, disk
        assert "begun" not in _stages(folder)


def test_apply(image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    point = tmp_path / "mount"
    with mounted(image, point) as folder:
        before = settled(folder)
    found = disks(image, point, _apply, monkeypatch)
    stages = []
    for disk in found:
        copy = disk.with_suffix(".copy")
        shutil.copyfile(disk, copy)
        stages.append(_survives(disk, point, before))
        _is_undone(copy, point, before)
    assert len(found) > 10, f"{len(found)} states"
    assert {stages[0], stages[-1]} == {"none", "applied"}
    assert "begun" in stages


def test_rollback(image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    point = tmp_path / "mount"
    with mounted(image, point) as folder:
        before = settled(folder)
        _apply(folder)
    found = disks(image, point, undo, monkeypatch)
    for disk in found:
        _is_undone(disk, point, before)
    assert len(found) > 5, f"{len(found)} states"


def test_without_syncing_it_would_not_survive(image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin: the same calls, and nothing waits for the disk.

    Whoever syncs the whole machine meanwhile, as an apply of another test, has this disk written too: then once more.
    """
    seen = []
    for attempt in range(_ATTEMPTS):
        copy = tmp_path / str(attempt)
        copy.mkdir()
        shutil.copyfile(image, copy / "disk.ext4")
        with monkeypatch.context() as patch:
            for name in ("sync", "fsync"):
                patch.setattr(os, name, lambda *_: None)
            last = disks(copy / "disk.ext4", tmp_path / "mount", _apply, monkeypatch)[-1]
        with mounted(last, tmp_path / "mount") as folder:
            seen.append(_stages(folder))
        if seen[-1] == []:
            return
    pytest.fail(f"every time the disk had {seen}")


def test_what_commands_wrote_is_synced_before_it_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel may write it out by itself, so the disk shows this only at times: the order does always."""
    folder = host(tmp_path / "host")
    built, counted = folder / "state/image", []

    def sync() -> None:
        counted.append((built.read_text(), [run.ended for t in _transactions(folder) for run in t.commands]))

    monkeypatch.setattr(os, "sync", sync)
    _apply(folder)
    undo(folder)
    assert counted == [("options vfio-pci ids=1\n", [True, False]), ("none\n", [True, True])]
