"""The linters' verdict on the whole tree; skipped only where a linter is missing."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parent.parent


def _run(tool: str, *arguments: str, cwd: Path = CHECKOUT) -> subprocess.CompletedProcess[str]:
    if importlib.util.find_spec(tool) is None:
        pytest.skip(f"{tool} is not installed for {sys.executable}")
    line = [sys.executable, "-m", tool, *arguments]
    return subprocess.run(line, cwd=cwd, capture_output=True, text=True, timeout=300, check=False)


def _passes(process: subprocess.CompletedProcess[str]) -> None:
    assert process.returncode == 0, f"{process.args}\n{process.stdout}{process.stderr}"


def test_ruff() -> None:
    _passes(_run("ruff", "check"))


def test_ruff_format() -> None:
    _passes(_run("ruff", "format", "--check", "--diff"))


def test_mypy() -> None:
    _passes(_run("mypy"))


def test_shellcheck() -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed (Debian package shellcheck)")
    scripts = [CHECKOUT / "dev", CHECKOUT / ".ci" / "run"]
    scripts += (file for folder in ("generator", "lab", "tests") for file in sorted((CHECKOUT / folder).rglob("*.sh")))
    line = ["shellcheck", *map(str, scripts)]
    _passes(subprocess.run(line, cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=False))


BAD = {
    "an unused import": ("ruff", ("check",), "import os\n", "F401"),
    "another layout": ("ruff", ("format", "--check"), "x = {  'a':1 }\n", "1 file would be reformatted"),
    "a wrong type": ("mypy", ("bad.py",), "x: int = 'a'\n", "Incompatible types"),
    "no types": ("mypy", ("bad.py",), "def f(x):\n    return x\n", "missing a type annotation"),
}


@pytest.mark.parametrize(("tool", "arguments", "text", "said"), BAD.values(), ids=BAD)
def test_the_linters_find_something(
    tool: str, arguments: tuple[str, ...], text: str, said: str, tmp_path: Path
) -> None:
    """The twin: with our configuration, a file with a fault does not pass."""
    (tmp_path / "pyproject.toml").write_text((CHECKOUT / "pyproject.toml").read_text())
    (tmp_path / "generator").mkdir()
    (tmp_path / "bad.py").write_text(text)
    process = _run(tool, *arguments, cwd=tmp_path)
    assert process.returncode == 1
    assert said in process.stdout + process.stderr
