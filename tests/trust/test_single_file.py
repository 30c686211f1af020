"""One file: complete or untouched, whatever ends or fails; and leftovers."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest

from optimux.errors import OptimuxError
from optimux.files import leftovers
from optimux.files.atomic import keep_beside
from optimux.files.directory import Directory
from optimux.files.replace import mode_of, replace_file, replace_with_backup
from optimux.files.staging import Staging
from optimux.files.state import look
from optimux.files.walk import reach
from tests.cli.calls import calls_counted, killed, no_room
from tests.cli.command import environment

MOST_CALLS = 40


def names(folder: Path) -> list[str]:
    """What lies in a folder."""
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("before", [None, b"old"], ids=["new", "present"])
def test_killed_at_every_call(before: bytes | None, tmp_path: Path) -> None:
    file = tmp_path / "file"
    for count in range(1, MOST_CALLS):
        file.unlink(missing_ok=True)
        if before is not None:
            file.write_bytes(before)
        survived = killed(count, lambda: replace_file(file, b"new"))
        assert (file.read_bytes() if file.exists() else None) in (before, b"new")
        replace_file(file, b"next")
        assert names(tmp_path) == ["file"]
        if survived:
            break
    assert 5 < count < MOST_CALLS - 1


@pytest.mark.parametrize("before", [None, b"old"], ids=["new", "present"])
def test_no_room_at_every_call(before: bytes | None, tmp_path: Path) -> None:
    """What cannot be written is never taken for written, and the old file is there with all that belongs to it."""
    file, refused = tmp_path / "file", 0
    for count in range(1, MOST_CALLS):
        file.unlink(missing_ok=True)
        if before is not None:
            file.write_bytes(before)
            file.chmod(0o640)
        with calls_counted(count, no_room) as calls:
            try:
                replace_file(file, b"new")
                failed = False
            except OptimuxError as error:
                failed = "No space left on device" in str(error)
        if calls.count < count:
            break
        refused += failed
        if failed and file.exists() and file.read_bytes() != b"new":
            assert (file.read_bytes(), stat.S_IMODE(file.stat().st_mode)) == (before, 0o640)
        assert failed or file.read_bytes() == b"new"
    assert refused > 4


def test_a_sync_that_fails_brings_the_old_file_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, real = tmp_path / "file", os.fsync
    file.write_bytes(b"old")
    for wanted in (stat.S_ISREG, stat.S_ISDIR):

        def failing(descriptor: int, wanted: object = wanted) -> None:
            assert callable(wanted)
            if wanted(os.fstat(descriptor).st_mode):
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            real(descriptor)

        monkeypatch.setattr(os, "fsync", failing)
        with pytest.raises(OptimuxError, match="Input/output error"):
            replace_file(file, b"new")
        with pytest.raises(OptimuxError, match="Input/output error"):
            replace_file(tmp_path / "other", b"new")
        assert file.read_bytes() == b"old"
        assert names(tmp_path) == ["file"]


WRITER = """
import sys
from pathlib import Path
from optimux.files.replace import replace_file
for number in range(12):
    replace_file(Path(sys.argv[1]), sys.argv[2].encode() * 20000)
"""


def test_many_writers(tmp_path: Path) -> None:
    """Whoever comes last wins, whole; none fails, none takes another's unfinished file for a leftover."""
    file = tmp_path / "file"
    lines = [[sys.executable, "-c", WRITER, str(file), letter] for letter in "abcdefgh"]
    writers = [subprocess.Popen(line, env=environment(), stderr=subprocess.PIPE) for line in lines]
    failed: list[BaseException] = []

    def write_too() -> None:
        try:
            for _ in range(12):
                replace_file(file, b"z" * 20000)
        except OptimuxError as error:
            failed.append(error)

    threads = [Thread(target=write_too) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [writer.communicate(timeout=60)[1] for writer in writers] == [b""] * len(writers)
    assert failed == []
    content = file.read_bytes()
    assert content == content[:1] * 20000
    replace_file(file, b"last")
    assert names(tmp_path) == ["file"]


def test_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    def none(descriptor: int, flags: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", none)
    left = tmp_path / (leftovers.PREFIX + "0" * 16)
    left.touch()
    replace_file(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"
    assert left.exists()  # nobody can tell whether somebody works on it


def test_what_only_looks_left_over_stays(tmp_path: Path) -> None:
    """A folder without our mark that holds something, one that is worked in, and other names."""
    theirs, other = tmp_path / (leftovers.PREFIX + "1" * 16), tmp_path / (leftovers.PREFIX + "short")
    (theirs / "deep").mkdir(parents=True)
    (theirs / "deep" / "file").write_text("mine")
    other.touch()
    with reach(tmp_path) as folder, Staging(folder) as working:
        replace_file(tmp_path / "file", b"new")
        assert names(tmp_path) == sorted(["file", theirs.name, other.name, working.name])
    assert names(tmp_path) == sorted(["file", theirs.name, other.name])
    assert (theirs / "deep" / "file").read_text() == "mine"


def test_what_is_left_over_goes(tmp_path: Path) -> None:
    marked, empty = tmp_path / (leftovers.PREFIX + "1" * 16), tmp_path / (leftovers.PREFIX + "2" * 16)
    (marked / "deep").mkdir(parents=True)
    (marked / leftovers.MARK).touch()
    (tmp_path / "target").mkdir()
    (marked / "deep" / "link").symlink_to(tmp_path / "target")
    (tmp_path / "target" / "file").touch()
    empty.mkdir()
    replace_file(tmp_path / "file", b"new")
    assert names(tmp_path) == ["file", "target"]
    assert names(tmp_path / "target") == ["file"]


def test_permissions(tmp_path: Path) -> None:
    """A new file: what is asked, or the umask's; one that is there keeps its own; a backup has them from the start."""
    mask = os.umask(0o027)
    try:
        for name, mode in {"plain": None, "table": 0o644, "secret": 0o600}.items():
            replace_file(tmp_path / name, b"x", mode)
        (tmp_path / "table").chmod(0o604)
        replace_file(tmp_path / "table", b"y", 0o600)
        found = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
        assert found == {"plain": 0o640, "table": 0o604, "secret": 0o600}
        assert (mode_of(tmp_path / "secret"), mode_of(tmp_path / "table")) == (0o600, 0o600)
        backup = replace_with_backup(tmp_path / "secret", b"x", b"z")
        assert (stat.S_IMODE(backup.stat().st_mode), backup.read_bytes()) == (0o600, b"x")
    finally:
        os.umask(mask)


def test_a_file_that_changed_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"theirs")
    with pytest.raises(OptimuxError, match="was changed while Optimux worked on it"):
        replace_with_backup(tmp_path / "file", b"old", b"new")
    with pytest.raises(OptimuxError, match="was changed while Optimux worked on it"):
        replace_with_backup(tmp_path / "gone", b"old", b"new")
    assert names(tmp_path) == ["file"]


def test_a_backup_whose_name_is_taken_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "file.bak").write_bytes(b"theirs")
    real = Directory.entry
    monkeypatch.setattr(Directory, "entry", lambda self, name: None if name == "file.bak" else real(self, name))
    with reach(tmp_path) as folder:
        state = look(folder, "file")
        assert state is not None
        assert keep_beside(folder, "file", state) == "file.bak1"
    assert (tmp_path / "file.bak").read_bytes() == b"theirs"


class TestWhatIsNoFile:
    """Pipes and streams are written to, folders and sockets refused."""

    def test_a_pipe(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        got: list[bytes] = []
        reader = Thread(target=lambda: got.append((tmp_path / "pipe").read_bytes()))
        reader.start()
        replace_file(tmp_path / "pipe", b"new")
        reader.join(10)
        assert got == [b"new"]

    def test_a_pipe_that_nobody_reads(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("optimux.files.replace.PIPE_SECONDS", 0.1)
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(OptimuxError, match="from which nobody reads"):
            replace_file(tmp_path / "pipe", b"new")

    def test_a_stream(self) -> None:
        read, write = os.pipe()
        replace_file(Path(f"/dev/fd/{write}"), b"new")
        os.close(write)
        assert os.read(read, 10) == b"new"
        os.close(read)

    def test_a_device(self) -> None:
        replace_file(Path("/dev/null"), b"new")
        assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)

    def test_a_folder(self, tmp_path: Path) -> None:
        with pytest.raises(OptimuxError, match="it is a folder"):
            replace_file(tmp_path, b"new")

    def test_a_socket(self, tmp_path: Path) -> None:
        import socket

        with socket.socket(socket.AF_UNIX) as made:
            made.bind(str(tmp_path / "socket"))
            with pytest.raises(OptimuxError, match="neither a file"):
                replace_file(tmp_path / "socket", b"new")
