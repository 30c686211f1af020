"""./dev generate: what it hands on to the command is what was asked for."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parent.parent
CONFIG = CHECKOUT / "examples" / "bookworm.toml"
PYTHON = f'#!/bin/sh\nexec {sys.executable} "$@"\n'


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The script with an environment that is set up already: its Python is this one."""
    folder = tmp_path / "checkout"
    (folder / ".venv" / "bin").mkdir(parents=True)
    shutil.copy(CHECKOUT / "dev", folder)
    shutil.copy(CHECKOUT / "pyproject.toml", folder)
    (folder / "examples").symlink_to(CHECKOUT / "examples")
    (folder / "lock").mkdir()
    (folder / "lock" / "runtime.txt").touch()
    key = hashlib.sha256(f"{folder}\n".encode() + (CHECKOUT / "pyproject.toml").read_bytes()).hexdigest()[:16]
    (folder / ".venv" / "stamp-runtime").write_text(f"{key}\n")
    python = folder / ".venv" / "bin" / "python"
    python.write_text(PYTHON)
    python.chmod(0o755)
    return folder


def generate(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run in the folder above the checkout, with a configuration on standard input."""
    with CONFIG.open() as stdin:
        return subprocess.run(
            ["bash", checkout / "dev", "generate", *arguments],
            cwd=checkout.parent, stdin=stdin, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip


def is_of(config: str, bundle: Path) -> bool:
    """Only bookworm's configuration is planned for libvirt 9.0."""
    return ("libvirt 9.0" in (bundle / "INSTALL.md").read_text()) == (config == "bookworm")


@pytest.mark.parametrize(
    ("arguments", "config", "folder"),
    [
        ([], "omen-17", "out"),
        (["-o", "zz"], "omen-17", "zz"),
        (["-ozz"], "omen-17", "zz"),
        (["--output=zz"], "omen-17", "zz"),
        (["--output", "zz", "--"], "omen-17", "zz"),
        ([str(CONFIG)], "bookworm", "out"),
        ([str(CONFIG), "-o", "zz"], "bookworm", "zz"),
        (["--output=zz", str(CONFIG)], "bookworm", "zz"),
        (["-o", "zz", "--force", "--", str(CONFIG)], "bookworm", "zz"),
        (["-", "-o", "zz"], "bookworm", "zz"),
        (["-ozz", "--", "-"], "bookworm", "zz"),
    ],
)
def test_configuration_and_folder(checkout: Path, arguments: list[str], config: str, folder: str) -> None:
    ran = generate(checkout, *arguments)
    assert ran.returncode == 0, ran.stderr
    assert {path.name for path in checkout.parent.iterdir()} == {"checkout", folder}
    assert is_of(config, checkout.parent / folder)
    assert f"files to {folder};" in ran.stderr
    assert ("no CONFIG given" in ran.stderr) == (config == "omen-17")


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["-o", "zz", "--help"]])
def test_help_is_help_alone(checkout: Path, arguments: list[str]) -> None:
    ran = generate(checkout, *arguments)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("Usage: optimux generate ")
    assert [path.name for path in checkout.parent.iterdir()] == ["checkout"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["-o"], "requires an argument"), (["a.toml", "b.toml"], "b.toml"), (["--", "--help"], "--help")],
)
def test_mistakes_are_the_commands_to_name(checkout: Path, arguments: list[str], words: str) -> None:
    ran = generate(checkout, *arguments)
    assert ran.returncode == 2
    assert words in ran.stderr
    assert [path.name for path in checkout.parent.iterdir()] == ["checkout"]


def _names(lines: Iterable[str]) -> set[str]:
    """Of requirements: names as a package index compares them."""
    return {re.sub(r"[-_.]+", "-", re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0]).lower() for line in lines}


@pytest.mark.parametrize("kind", ["runtime", "dev"])
def test_the_lock_has_every_dependency(kind: str) -> None:
    """A dependency that is declared and not locked is missing in every environment that ``dev`` makes."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + (project["optional-dependencies"]["dev"] if kind == "dev" else [])
    locked = (CHECKOUT / "lock" / f"{kind}.txt").read_text().splitlines()
    assert _names(wanted) - _names(line for line in locked if "==" in line) == set()
