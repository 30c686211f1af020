"""Start-up is part of the product: what each verb may not import. A list, not a time."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.cli.command import EXAMPLE, OTHER, environment

if TYPE_CHECKING:
    from pathlib import Path

SHOW = "import sys; from optimux.cli import run; run(sys.argv[1:]); print(*sys.modules, sep='\\n', file=sys.stderr)"

# Never for any verb of these tests: heavy, and for other work.
NEVER = ("rich", "pydantic", "attr", "hypothesis", "pytest", "asyncio", "qemu", "libvirt", "dataclasses", "logging")
# Only for bad input, for --check, for extra XML. (click itself takes difflib for any short option.)
GOOD_PATH = ("difflib", "xml.parsers.expat", "optimux.declare.wording", "optimux.cli.difference", "traceback")
WITHOUT_WORK = ("tomllib", "json", "lxml", "optimux.plan", "optimux.emit", "optimux.options", "optimux.facts")


def _imported(*arguments: str) -> set[str]:
    """Modules after a run."""
    line = [sys.executable, "-c", SHOW, *arguments]
    process = subprocess.run(line, env=environment(), capture_output=True, text=True, timeout=60, check=True)
    return set(process.stderr.splitlines())


def _bare() -> set[str]:
    line = [sys.executable, "-c", "import sys, click; print(*sys.modules, sep='\\n')"]
    process = subprocess.run(line, env=environment(), capture_output=True, text=True, timeout=60, check=True)
    return set(process.stdout.splitlines())


def _found(modules: set[str], names: tuple[str, ...]) -> list[str]:
    own = modules - _bare()
    return sorted(module for module in own if any(module == name or module.startswith(f"{name}.") for name in names))


@pytest.mark.parametrize("arguments", [["--version"], ["--help"]], ids=str)
def test_without_work(arguments: list[str]) -> None:
    assert _found(_imported(*arguments), NEVER + GOOD_PATH + WITHOUT_WORK) == []


@pytest.mark.parametrize("config", [EXAMPLE, OTHER])
def test_generate(config: str, tmp_path: Path) -> None:
    imported = _imported("generate", config, "--output", str(tmp_path / "out"))
    assert "optimux.plan.resolve" in imported
    assert _found(imported, NEVER + GOOD_PATH) == []


def test_generate_takes_only_its_distributions_emitters(tmp_path: Path) -> None:
    debian = _imported("generate", EXAMPLE, "-o", str(tmp_path / "debian"))
    nixos = _imported("generate", OTHER, "-o", str(tmp_path / "nixos"))
    assert "optimux.emit.nixos" in nixos - debian
    assert "optimux.emit.install_md" in debian - nixos


@pytest.mark.parametrize("arguments", [["schema"], ["ssdt", "--asl"]], ids=str)
def test_other_verbs(arguments: list[str]) -> None:
    imported = _imported(*arguments)
    assert _found(imported, (*NEVER, "optimux.plan.resolve", "optimux.emit.bundle", "optimux.bundle", "lxml")) == []


def test_the_lists_mean_something(tmp_path: Path) -> None:
    """The twin: bad input does pay for what the good path is spared."""
    (tmp_path / "bad.toml").write_text("hots = 1\n")
    imported = _imported("generate", str(tmp_path / "bad.toml"), "--output", str(tmp_path / "out"))
    assert "difflib" in imported
    assert "optimux.declare.wording" in imported


def test_nothing_is_collected(tmp_path: Path) -> None:
    """Neither while a verb runs nor as the interpreter ends, which collects whatever is not frozen."""
    told = tmp_path / "told"
    script = f"""
import atexit, gc, pathlib, sys
def left():
    pathlib.Path({str(told)!r}).write_text(f"{{gc.isenabled()}} {{gc.get_freeze_count() > 1000}}")
atexit.register(left)
from optimux.cli import main
main(["schema"])
"""
    subprocess.run([sys.executable, "-c", script], stdout=subprocess.DEVNULL, check=True)
    assert told.read_text() == "False True"
