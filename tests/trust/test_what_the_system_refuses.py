"""Each error of the system that writing may meet, made on purpose: told as it is, and nothing is half done.

Each beside the nearest case in which the same goes well.
"""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from optimux.errors import OptimuxError
from optimux.files import atomic, renames
from optimux.files.atomic import keep_beside
from optimux.files.directory import Directory
from optimux.files.replace import replace_file
from optimux.files.root import Root
from optimux.files.staging import Staging
from optimux.files.state import Metadata, State, set_metadata
from optimux.files.walk import reach
from tests.cli.calls import calls_counted, no_room
from tests.cli.command import environment

Patch = pytest.MonkeyPatch
LINK = State(b"", Metadata(0o777), "target")


def _fails(number: int) -> Callable[..., Any]:
    def failing(*arguments: object, **named: object) -> None:
        raise OSError(number, os.strerror(number))

    return failing


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_every_name_of_a_backup_is_taken(tmp_path: Path, monkeypatch: Patch) -> None:
    (tmp_path / "file.bak").write_text("older")
    with reach(tmp_path) as folder:
        assert keep_beside(folder, "file", State(b"old", Metadata(0o600))) == "file.bak1"
        monkeypatch.setattr(atomic, "_MOST_BACKUPS", 2)
        with pytest.raises(FileExistsError, match="no free name for a backup"):
            keep_beside(folder, "file", State(b"old", Metadata(0o600)))
    assert _names(tmp_path) == ["file.bak", "file.bak1"]


def test_a_backups_name_that_somebody_takes_meanwhile(tmp_path: Path, monkeypatch: Patch) -> None:
    """It was free when it was looked at: theirs stays, and the next one is ours."""
    (tmp_path / "file.bak").write_text("theirs")
    entry = Directory.entry
    seen: list[str] = []

    def late(self: Directory, name: str) -> os.stat_result | None:
        seen.append(name)
        return None if seen.count(name) == 1 else entry(self, name)

    monkeypatch.setattr(Directory, "entry", late)
    with reach(tmp_path) as folder:
        assert keep_beside(folder, "file", State(b"old", Metadata(0o600))) == "file.bak1"
    assert (tmp_path / "file.bak").read_text() == "theirs"


@pytest.mark.parametrize("is_there", [True, False])
def test_no_room_for_a_link_that_comes_back(is_there: bool, tmp_path: Path) -> None:
    """At every call: what was there stays, or the link is back."""
    file, refused = tmp_path / "file", 0
    for count in range(1, 20):
        file.unlink(missing_ok=True)
        if is_there:
            file.write_text("new")
        with Root(tmp_path) as root, calls_counted(count, no_room) as calls:
            try:
                root.restore("/file", LINK)
            except OptimuxError as error:
                refused += "No space left on device" in str(error)
        assert file.is_symlink() or (file.exists() == is_there and not file.is_symlink())
        assert set(_names(tmp_path)) <= {"file"}
        if calls.count < count:
            break
    assert file.readlink() == Path("target")
    assert refused > 2


def test_a_folder_where_a_file_is_wanted(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "file").mkdir()
    with Root(tmp_path) as root:
        with pytest.raises(OptimuxError, match=r"cannot be read: .*file is no plain file"):
            root.look("/etc/file")
        (tmp_path / "etc" / "file").rmdir()
        (tmp_path / "etc" / "file").touch()
        assert root.look("/etc/file") is not None


def test_a_folder_that_went_before_its_file_came_back(tmp_path: Path) -> None:
    with Root(tmp_path) as root:
        with pytest.raises(OptimuxError, match="cannot be restored: No such file or directory"):
            root.restore("/etc/file", State(b"old", Metadata(0o600)))
        root.restore("/etc/file", None)  # nothing was there, and nothing is
        (tmp_path / "etc").mkdir()
        root.restore("/etc/file", State(b"old", Metadata(0o600)))
    assert (tmp_path / "etc" / "file").read_bytes() == b"old"


@pytest.mark.parametrize("there", ["", "etc", "etc/deep"])
def test_folders_that_were_made_for_nothing(there: str, tmp_path: Path) -> None:
    """No room at any call: they go again, those that were there stay, and so does what lies beside them."""
    (tmp_path / there).mkdir(parents=True, exist_ok=True)
    if there:
        (tmp_path / there / "mine").touch()
    before, refused = sorted(tmp_path.rglob("*")), 0
    for count in range(1, 30):
        with Root(tmp_path) as root, calls_counted(count, no_room) as calls:
            try:
                made = root.write("/etc/deep/er/file", b"new", Metadata(0o644))
            except OptimuxError as error:
                assert "No space left" in str(error)  # noqa: PT017 - it need not fail
                refused += 1
                made = ()
        if made or calls.count < count:
            break
        if (tmp_path / "etc/deep/er/file").exists():  # all was done but for the end of the temporary name
            for path in sorted(set(tmp_path.rglob("*")) - set(before), reverse=True):
                path.rmdir() if path.is_dir() else path.unlink()
        assert sorted(tmp_path.rglob("*")) == before
    assert refused > 5
    assert (tmp_path / "etc/deep/er/file").read_bytes() == b"new"
    assert list(made) == [
        folder for folder in ("/etc", "/etc/deep", "/etc/deep/er") if f"{folder}/" not in f"/{there}/"
    ]


@pytest.mark.parametrize("way", ["renameat2", "no renameat2"])
def test_names_that_are_taken_or_gone(way: str, tmp_path: Path, monkeypatch: Patch) -> None:
    if way != "renameat2":
        monkeypatch.setattr(renames, "rename2", lambda *arguments: errno.ENOSYS)
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").write_text("b")
    with reach(tmp_path) as folder:
        with pytest.raises(FileExistsError):
            renames.take(folder, "a", folder, "b")
        assert ((tmp_path / "a").read_text(), (tmp_path / "b").read_text()) == ("a", "b")
        with pytest.raises(FileNotFoundError):
            renames.take(folder, "none", folder, "c")
        renames.take(folder, "a", folder, "c")
        if way == "renameat2":
            with pytest.raises(FileNotFoundError):
                renames.exchange(folder, "b", folder, "none")
        assert renames.exchange(folder, "b", folder, "c") == (way == "renameat2")
    assert (tmp_path / "b").read_text() == ("a" if way == "renameat2" else "b")


WRITER = """
import sys
from pathlib import Path
from optimux.errors import OptimuxError
from optimux.files.replace import replace_file
try:
    replace_file(Path(sys.argv[1]), b"")
except OptimuxError as error:
    print(error)
"""


@pytest.mark.parametrize(("device", "said"), [("tty", "cannot be written: No such device or address"), ("null", "")])
def test_a_device_that_is_not_there(device: str, said: str) -> None:
    """A session without a terminal has no /dev/tty: it is no pipe, and nobody waits for a reader."""
    line = [sys.executable, "-c", WRITER, f"/dev/{device}"]
    done = subprocess.run(
        line, env=environment(), capture_output=True, text=True, timeout=60, check=True, start_new_session=True
    )
    assert (said in done.stdout) if said else (done.stdout == "")
    assert "pipe" not in done.stdout


@pytest.mark.parametrize(
    ("call", "number", "told"),
    [
        ("setxattr", errno.ENOSPC, True),
        ("setxattr", errno.ENOTSUP, False),
        ("fchown", errno.EPERM, os.geteuid() == 0),
        ("fchown", errno.EIO, True),
    ],
)
def test_what_belongs_to_a_file_cannot_be_kept(
    call: str, number: int, told: bool, tmp_path: Path, monkeypatch: Patch
) -> None:
    """A full disk is told, a file system without attributes is not; an owner only root can give, and must."""
    file = tmp_path / "file"
    file.touch()
    wanted = Metadata(0o600, os.geteuid() + 1, os.getegid(), {"user.note": b"kept"})
    monkeypatch.setattr(os, "setxattr", lambda *arguments: None)
    monkeypatch.setattr(os, "fchown", lambda *arguments: None)
    monkeypatch.setattr(os, call, _fails(number))
    with file.open("wb") as opened:
        if told:
            with pytest.raises(OSError, match=os.strerror(number)):
                set_metadata(opened.fileno(), wanted)
        else:
            set_metadata(opened.fileno(), wanted)


@pytest.mark.parametrize("change", ["content", "mode", "none"])
def test_a_staging_folder_that_was_exchanged(change: str, tmp_path: Path, monkeypatch: Patch) -> None:
    """Between making and opening it: another one has something in it, or is open to others."""
    make = os.mkdir

    def exchanged(name: str, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        make(name, mode, dir_fd=dir_fd)
        own = Path(f"/proc/self/fd/{dir_fd}", name)
        if change == "content":
            (own / "planted").touch()
        elif change == "mode":
            own.chmod(0o777)

    monkeypatch.setattr(os, "mkdir", exchanged)
    if change == "none":
        with reach(tmp_path) as folder, Staging(folder) as staging:
            assert staging.folder.names()
        assert _names(tmp_path) == []
    else:
        with reach(tmp_path) as folder, pytest.raises(OSError, match="another user exchanged"), Staging(folder):
            pytest.fail("it was taken for ours")
    replace_file(tmp_path / "file", b"")  # and nobody else is held up


@pytest.mark.parametrize("exchanges", [True, False])
@pytest.mark.parametrize("sync", [True, False])
def test_what_is_left_over_cannot_be_removed(exchanges: bool, sync: bool, tmp_path: Path, monkeypatch: Patch) -> None:
    """What was done stands, and is no failure; the twin's disk fails, and that is told. The next run clears it away."""
    file = tmp_path / "file"
    file.write_text("old")
    with monkeypatch.context() as broken:
        broken.setattr(os, "unlink", _fails(errno.EIO))
        if not exchanges:
            broken.setattr(renames, "rename2", lambda *arguments: errno.ENOSYS)
        if not sync:
            broken.setattr(os, "fsync", _fails(errno.ENOSPC))
            with pytest.raises(OptimuxError, match=os.strerror(errno.ENOSPC)):
                replace_file(file, b"new")
        else:
            replace_file(file, b"new")
    assert file.read_text() == ("new" if sync else "old")
    # Where names are not exchanged, moving leaves nothing over.
    assert len(_names(tmp_path)) == (1 if sync and not exchanges else 2)
    replace_file(file, b"newer")
    assert _names(tmp_path) == ["file"]
