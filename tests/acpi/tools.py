"""ACPICA's own tools as oracles, in a folder of their own and with bounded time."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from optimux.acpi.aml import Term

STUB = """DefinitionBlock ("", "DSDT", 2, "STUB", "STUB", 1)
{
    Device (\\_SB.PCI0)
    {
        Name (_HID, EisaId ("PNP0A08"))
    }
}
"""


def tool(name: str) -> str:
    """Where a tool of ACPICA is, or a skip that says what to install."""
    return shutil.which(name) or pytest.skip(f"{name} is missing: install acpica-tools")


def run(folder: Path, *command: str) -> str:
    """Output and error output of a tool that succeeded."""
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=60, check=False, errors="replace"
    )
    text = done.stdout + done.stderr
    assert done.returncode == 0, f"{command} exited with {done.returncode}:\n{text[-3000:]}"
    return text


def iasl(folder: Path, source: str, *options: str) -> tuple[bytes, str]:
    """The table that iasl makes of a source, and what it said."""
    (folder / "source.asl").write_text(source, "ascii")
    said = run(folder, tool("iasl"), *options, "source.asl")
    return (folder / "source.aml").read_bytes(), said


def disassemble(folder: Path, table: bytes) -> tuple[str, str]:
    """iasl's source of a table, and what it said while reading it."""
    (folder / "table.aml").write_bytes(table)
    said = run(folder, tool("iasl"), "-d", "table.aml")
    return (folder / "table.dsl").read_text("ascii"), said


def evaluate(folder: Path, table: bytes, paths: Iterable[str]) -> str:
    """What acpiexec says when it loads a table beside a DSDT with PCI0 and evaluates methods."""
    exec_ = tool("acpiexec")
    (folder / "table.aml").write_bytes(table)
    (folder / "stub.asl").write_text(STUB, "ascii")
    run(folder, tool("iasl"), "stub.asl")
    commands = "; ".join(f"evaluate {path}" for path in paths)
    return run(folder, exec_, "-b", commands, "stub.aml", "table.aml")


def source_of(terms: Iterable[Term], revision: int = 2) -> str:
    """A table that holds terms and nothing else."""
    body = "\n".join(term.asl() for term in terms)
    return f'DefinitionBlock ("", "SSDT", {revision}, "TESTER", "TERMS", 1)\n{{\n{body}\n}}\n'
