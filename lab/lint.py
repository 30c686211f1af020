"""Every linter of the house, each with what it is run on: ``./dev lint`` runs them all, a test each of them.

``python -m lab.lint NAME…`` runs the named ones, which then must be there; without names what is missing is left out.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from lab import CHECKOUT, cache
from lab.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

# Where shell stands: our own scripts, and those that are generated (the goldens).
_WITH_SHELL = ("dev", ".ci", "docs", "generator", "lab", "nix", "nixos-modules", "tests", "vm-tests")
# A file of the host that a script sources is not here (1091); what is written for ash is judged as dash (2187).
_SHELLCHECK = ("shellcheck", "--exclude=SC1091,SC2187")
_SECONDS = 300


def shell_scripts(checkout: Path) -> list[Path]:
    """Every file whose first line names a shell, whatever it is called."""
    places = (checkout / name for name in _WITH_SHELL)
    files = (file for place in places for file in ([place] if place.is_file() else sorted(place.rglob("*"))))
    return [file for file in files if file.is_file() and _is_shell(file)]


def _is_shell(file: Path) -> bool:
    with file.open("rb") as opened:
        words = opened.readline(100).split() if opened.read(2) == b"#!" else []
    return bool(words) and words[-1].rsplit(b"/", 1)[-1] in (b"sh", b"bash", b"dash", b"ash")


def workflows(checkout: Path) -> list[Path]:
    """What runs on other people's machines."""
    return sorted((checkout / ".github" / "workflows").glob("*.yml"))


def linters(checkout: Path = CHECKOUT) -> dict[str, list[str]]:
    """The commands by the names of the linters, to be run in ``checkout``."""
    return {
        "ruff": [*_module("ruff"), "check"],
        "ruff format": [*_module("ruff"), "format", "--check", "--diff"],
        "mypy": _mypy(),
        "shellcheck": [*_SHELLCHECK, *map(str, shell_scripts(checkout))],
        "licences": [*_module("reuse"), "lint", "--lines"],
        "workflows": [
            *(*_module("check_jsonschema"), "--builtin-schema", "vendor.github-workflows"),
            *map(str, workflows(checkout)),
        ],
    }


def _mypy() -> list[str]:
    """With what it keeps for all checkouts, where that can be written: it goes by what is in a file, so that in a new
    checkout it looks at what is new alone.
    """
    folder = cache() / "mypy"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:  # a package's build has no home
        return _module("mypy")
    return [*_module("mypy"), f"--cache-dir={folder}"]


def _module(name: str) -> list[str]:
    """As a module of this Python, or, where that has none of the name, as a program."""
    is_program = importlib.util.find_spec(name) is None and shutil.which(name) is not None
    return [name] if is_program else [sys.executable, "-m", name]


def lint(command: list[str], checkout: Path = CHECKOUT) -> subprocess.CompletedProcess[str]:
    """Run one. Raises ``Unavailable`` where it is not installed."""
    if command[0] == sys.executable:
        if importlib.util.find_spec(command[2]) is None:
            raise Unavailable(f"{command[2]} is not installed for {sys.executable}")
    elif shutil.which(command[0]) is None:
        raise Unavailable(f"{command[0]} is not installed (Debian package {command[0]})")
    return subprocess.run(command, cwd=checkout, capture_output=True, text=True, timeout=_SECONDS, check=False)


def verdicts(names: Sequence[str]) -> Iterator[bool]:
    """For each of the named linters, or of all, whether it passed, which is said as well."""
    every = linters()
    for name in names or every:
        try:
            done = lint(every[name])
        except Unavailable as reason:
            print(f"{name}: left out, {reason}")
            yield not names
            continue
        print(f"{name}: {'passed' if done.returncode == 0 else 'FAILED'}")
        if done.returncode:
            print(done.stdout + done.stderr)
        yield done.returncode == 0


if __name__ == "__main__":
    sys.exit(0 if all([*verdicts(sys.argv[1:])]) else 1)
