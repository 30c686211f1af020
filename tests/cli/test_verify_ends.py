"""What ``verify`` makes of an error of the system: the file's, or the reader's of its output."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from optimux.cli import verify as verb
from optimux.cli.verify import _folder, _verify, _Work
from optimux.errors import InvalidInput
from tests.golden_cases import case


def _work() -> _Work:
    return _Work(case("omen-17").plan().domains[0], "seabios", b"")


def _raising(error: OSError, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise error

    monkeypatch.setattr(verb, "verify", fail)


def test_the_reader_has_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No check failed: the error goes on to whoever ends the program."""
    _raising(BrokenPipeError(errno.EPIPE, "Broken pipe"), monkeypatch)
    with pytest.raises(BrokenPipeError):
        _verify(_work(), tmp_path, True)


def test_no_room_for_logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _raising(OSError(errno.ENOSPC, "No space left on device", "/x/console.log"), monkeypatch)
    result, _ = _verify(_work(), tmp_path, True)
    assert result["checks"][0]["found"] == "/x/console.log: No space left on device"


def test_where_logs_are_kept(tmp_path: Path) -> None:
    assert _folder(None) is None
    assert _folder(str(tmp_path / "new" / "logs")) == tmp_path / "new" / "logs"
    (tmp_path / "file").touch()
    with pytest.raises(InvalidInput, match="Not a directory"):
        _folder(str(tmp_path / "file"))
