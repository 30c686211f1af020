"""The verb ``ssdt``."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from optimux.acpi.battery import battery_asl, battery_table
from optimux.cli.ssdt import command, run_ssdt
from optimux.errors import InvalidInput, OptimuxError
from optimux.plan.battery import BATTERY_ONLY, FULL

if TYPE_CHECKING:
    from pathlib import Path


def _run(*arguments: str, stdin: bytes = b"") -> bytes:
    return CliRunner().invoke(command, arguments, input=stdin, catch_exceptions=False).stdout_bytes


def test_tables_and_sources() -> None:
    assert _run() == battery_table(FULL)
    assert _run("--variant", "battery-only") == battery_table(BATTERY_ONLY)
    assert _run("--variant", "battery-only", "--asl").decode() == battery_asl(BATTERY_ONLY)
    assert json.loads(_run("--json"))["header"]["length"] == len(battery_table(FULL))


def test_decode(tmp_path: Path) -> None:
    path = tmp_path / "table.aml"
    assert _run("-o", str(path)) == b""
    assert path.read_bytes() == battery_table(FULL)
    assert path.stat().st_mode & 0o777 == 0o644
    assert [entry.name for entry in tmp_path.iterdir()] == ["table.aml"]
    assert b"88800 mWh" in _run("--decode", str(path))
    assert json.loads(_run("--decode", "-", "--json", stdin=path.read_bytes()))["header"]["checksumValid"] is True


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--decode", "FILE", "--asl"], "together with --asl"),
        (["--decode", "FILE", "--variant", "full"], "together with --variant"),
        (["--asl", "--json"], "together with --json"),
        (["--decode", "MISSING"], "No such file"),
        (["--decode", "FOLDER"], "directory"),
        (["--decode", "FILE"], "FILE: found the signature"),
        (["--decode", "LARGE"], "more than 4 MiB"),
        (["--decode", "\0"], "null byte"),
    ],
)
def test_bad_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], reason: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "FILE").write_bytes(b"#!/bin/sh\n" + bytes(60))
    (tmp_path / "LARGE").write_bytes(bytes((4 << 20) + 1))
    (tmp_path / "FOLDER").mkdir()
    with pytest.raises(InvalidInput, match=reason):
        _run(*arguments)


def test_bytes_are_kept_from_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    with pytest.raises(InvalidInput, match="Add -o FILE"):
        run_ssdt(None, False, None, False, None)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(OptimuxError, match="cannot be written: No such file"):
        run_ssdt(None, False, None, False, str(tmp_path / "none" / "table.aml"))
    assert list(tmp_path.iterdir()) == []
