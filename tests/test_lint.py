"""The linters' verdict on the whole tree; skipped only where a linter is missing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from lab import CHECKOUT
from lab import lint as module
from lab.lint import lint, linters, shell_scripts, verdicts


@pytest.mark.parametrize("name", linters(Path("nowhere")))
def test_it_passes(name: str) -> None:
    done = lint(linters()[name])
    assert done.returncode == 0, f"{done.args}\n{done.stdout}{done.stderr}"


def test_one_that_is_named_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Among all, one that is not installed is left out; a check that names its linters fails."""
    monkeypatch.setattr(module, "linters", lambda: {"gone": ["no-such-linter"]})
    assert [*verdicts(["gone"])] == [False]
    assert [*verdicts([])] == [True]


def test_every_script_is_found() -> None:
    found = {str(path.relative_to(CHECKOUT)) for path in shell_scripts(CHECKOUT)}
    assert {"dev", ".ci/run", "docs/record.sh", "lab/consumers/session.sh"} <= found
    assert "generator/optimux/vm/linux/init.sh" in found
    assert "tests/golden/omen-17/expected/host/etc/initramfs-tools/hooks/optimux" in found
    assert not any(name.endswith(".py") for name in found)


BAD = {
    "an unused import": ("ruff", ("check",), "import os\n", "F401"),
    "another layout": ("ruff", ("format", "--check"), "x = {  'a':1 }\n", "1 file would be reformatted"),
    "a wrong type": ("mypy", ("bad.py",), "x: int = 'a'\n", "Incompatible types"),
    "no types": ("mypy", ("bad.py",), "def f(x):\n    return x\n", "missing a type annotation"),
}


def test_mypy_keeps_nothing_where_it_may_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "optimux").write_text("no folder\n")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert linters()["mypy"][-1] == "mypy"


@pytest.mark.parametrize(("tool", "arguments", "text", "said"), BAD.values(), ids=BAD)
def test_the_linters_find_something(
    tool: str, arguments: tuple[str, ...], text: str, said: str, tmp_path: Path
) -> None:
    """The twin: with our configuration, a file with a fault does not pass."""
    (tmp_path / "pyproject.toml").write_text((CHECKOUT / "pyproject.toml").read_text())
    (tmp_path / "generator").mkdir()
    (tmp_path / "tests").symlink_to(CHECKOUT / "tests")  # mypy's plugin is there
    (tmp_path / "bad.py").write_text(text)
    command = linters(tmp_path)["mypy"] if tool == "mypy" else [sys.executable, "-m", tool]
    process = lint([*command, *arguments], tmp_path)
    assert process.returncode == 1
    assert said in process.stdout + process.stderr


@pytest.mark.parametrize(
    ("linter", "file", "text", "said"),
    [
        ("shellcheck", "lab/a", "#!/bin/sh\necho $1\n", "SC2086"),
        ("licences", "lab/a.py", "x = 1\n", "no license identifier"),
        ("workflows", ".github/workflows/a.yml", "on: push\njobs: {a: {steps: []}}\n", "runs-on"),
    ],
)
def test_the_linters_of_other_files_find_something(
    linter: str, file: str, text: str, said: str, tmp_path: Path
) -> None:
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).write_text(text)
    process = lint(linters(tmp_path)[linter], tmp_path)
    assert process.returncode == 1
    assert said in process.stdout + process.stderr
