"""Who may become root: by sudo, by doas, or by neither."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from optimux.cli import run
from tests.cli.command import EXAMPLE

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user who is not root, in a folder with a configuration; the folder is all of PATH."""
    (tmp_path / "optimux.toml").write_text(Path(EXAMPLE).read_text())
    (tmp_path / "facts.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    return tmp_path


@pytest.mark.parametrize("name", ["sudo", "doas"])
def test_the_same_again_as_root(name: str, programs: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """A sudo that refuses says so itself: nothing runs after it."""
    (programs / name).write_text("")
    (programs / name).chmod(0o755)
    called: list[tuple[str, list[str]]] = []

    def execv(path: str, words: list[str]) -> None:
        called.append((path, words))
        raise SystemExit(1)

    monkeypatch.setattr(os, "execv", execv)
    monkeypatch.setattr(sys, "argv", ["optimux", "apply", "--yes", "--only", "lines"])
    assert run(["apply", "--yes", "--only", "lines"]) == 1
    ((path, words),) = called
    assert path == str(programs / name)
    assert words[:2] == [path, sys.executable]
    assert words[-4:] == ["apply", "--yes", "--only", "lines"]
    assert f"{name} runs it" in capsys.readouterr().err
    compile(words[3], "again", "exec")


def test_without_either_the_same_as_a_script(programs: Path, capsys: Capture) -> None:
    assert run(["apply", "--yes", "--facts", "facts.json", "--only", "modules,boot-loader"]) == 1
    out, said = capsys.readouterr()
    assert "neither sudo nor doas" in said
    assert "nothing was changed" in said
    assert out.startswith("#!/bin/sh\n")
    assert "/etc/modprobe.d/optimux.conf" in out
    assert not (programs / "etc").exists()


def test_a_dry_run_takes_no_rights(programs: Path, capsys: Capture) -> None:
    assert run(["apply", "--dry-run", "--facts", "facts.json", "--only", "modules"]) == 0
    assert "+options vfio-pci ids=" in capsys.readouterr().out


def test_rollback_says_that_it_takes_root(programs: Path, capsys: Capture) -> None:
    assert run(["rollback", "--yes"]) == 1
    assert "takes root" in capsys.readouterr().err
