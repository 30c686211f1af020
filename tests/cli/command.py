"""The command in a process of its own, and what a folder holds."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import optimux
from optimux.emit.artifact import Artifact
from tests.cli import warm

CHECKOUT = Path(__file__).parents[2]
EXAMPLE = str(CHECKOUT / "examples" / "omen-17.toml")
OTHER = str(CHECKOUT / "examples" / "omen-17-2023.toml")
PACKAGE = str(Path(optimux.__file__).parents[1])
MAIN = "from optimux.cli import main; main()"

ONE = (Artifact("a/one.xml", b"<one/>\n"), Artifact("hook", b"#!/bin/sh\n", 0o755), Artifact("top", b"secret\n", 0o600))
TWO = (Artifact("a/one.xml", b"<two/>\n"), Artifact("b/c/new", b"new\n"))

State = dict[str, tuple[int, bytes | str | None]]


def environment(**changes: str) -> dict[str, str]:
    """This process's environment, with the package importable from anywhere."""
    path = os.pathsep.join(filter(None, (PACKAGE, os.environ.get("PYTHONPATH"))))
    return os.environ | {"PYTHONPATH": path} | changes


def command(*arguments: str) -> list[str]:
    """The command line of ``optimux`` with arguments."""
    return [sys.executable, "-c", MAIN, *arguments]


def optimux_process(
    *arguments: str, cwd: Path | None = None, given: bytes = b"", changes: dict[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run ``optimux``; neither stream is a terminal. Without ``changes`` of the environment the process is warm."""
    env = environment(**(changes or {}))
    if not changes:
        return warm.run(arguments, folder=cwd or Path.cwd(), given=given, environment=env)
    return subprocess.run(
        command(*arguments), cwd=cwd, env=env, input=given, capture_output=True, timeout=60, check=False
    )


def state(folder: Path) -> State:
    """Everything below a folder: permissions with content, link target, or nothing for folders."""
    found: State = {}
    for path in sorted(folder.rglob("*")):
        mode = stat.S_IMODE(path.lstat().st_mode)
        content = str(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else None
        found[path.relative_to(folder).as_posix()] = (mode, content)
    return found


def contents(folder: Path) -> dict[str, bytes]:
    """The files below a folder without the index, links not followed."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink() and path.name != ".optimux.json"
    }


def as_contents(artifacts: tuple[Artifact, ...]) -> dict[str, bytes]:
    """What ``contents`` finds after these were written to an empty folder."""
    return {artifact.path: artifact.content for artifact in artifacts}


def leftovers(parent: Path) -> list[str]:
    """What writers left behind."""
    return [path.name for path in parent.rglob("*") if "optimux-new" in path.name]
