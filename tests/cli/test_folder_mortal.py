"""Writing as a user who may not everything, in folders that may be reached but not read."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from optimux.bundle.folder import write
from optimux.errors import OptimuxError
from tests.cli.command import ONE, TWO, as_contents, contents
from tests.trust.arena import OTHER, Arena, arena


@pytest.fixture
def field() -> Iterator[Arena]:
    if os.geteuid() != 0:
        pytest.skip("it takes root to be another user")
    with arena() as made:
        yield made


def as_other(folder: Path) -> str | None:
    """What goes wrong when the other user writes there; ``None`` when nothing does."""
    read, end = os.pipe()
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setgid(OTHER)
        os.setuid(OTHER)
        try:
            write(TWO, folder)
        except BaseException as error:
            os.write(end, f"{type(error).__name__}: {error}".encode()[:4096])
        os._exit(0)
    os.close(end)
    os.waitpid(child, 0)
    with os.fdopen(read, "rb") as pipe:
        return pipe.read().decode() or None


def test_a_parent_that_may_not_be_read(field: Arena) -> None:
    """It can be neither listed nor locked."""
    field.theirs.chmod(0o333)
    assert as_other(field.theirs / "out") is None
    assert as_other(field.theirs / "out") is None
    assert contents(field.theirs / "out") == as_contents(TWO)


def test_a_parent_that_may_not_be_written(field: Arena) -> None:
    (field.theirs / "out").mkdir()
    os.chown(field.theirs / "out", OTHER, OTHER)
    os.chown(field.theirs, 0, 0)
    assert as_other(field.theirs / "out") is None
    assert contents(field.theirs / "out") == as_contents(TWO)
    said = as_other(field.theirs / "new")
    assert said is not None
    assert said.startswith("OptimuxError: ")
    assert "Permission denied" in said


def test_a_folder_that_may_not_be_written(field: Arena) -> None:
    out = field.shared / "out"
    write(ONE, out)
    said = as_other(out)
    assert said is not None
    assert "cannot be written" in said
    assert contents(out) == as_contents(ONE)


def test_a_file_system_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    def none(descriptor: int, flags: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", none)
    write(ONE, tmp_path / "out")
    write(TWO, tmp_path / "out")
    assert contents(tmp_path / "out") == as_contents(TWO)


def test_a_lock_is_not_waited_for_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin: a lock that somebody holds is told."""
    import fcntl

    monkeypatch.setattr("optimux.bundle.folder.LOCK_SECONDS", 0.05)
    descriptor = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    with pytest.raises(OptimuxError, match="locked for"):
        write(ONE, tmp_path / "out")
    os.close(descriptor)
