"""The stand-in for nixpkgs, a copy of the checkout to try the flake of, and Nix with a store of its own."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from lab import CHECKOUT, cache
from lab.errors import Refused, Unavailable
from lab.nix.evaluator import evaluate
from optimux.nix_text import string
from optimux.record import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

HERE = Path(__file__).parent
IGNORED = shutil.ignore_patterns(
    ".git", ".venv", "__pycache__", "*.egg-info", ".*_cache", ".hypothesis", "out", "golden"
)
# What build scripts use of this machine beside the packages that they name.
PROGRAMS = (
    *("bash", "sh", "cat", "chmod", "cp", "cut", "date", "diff", "dirname", "basename", "echo", "env", "find", "grep"),
    *("head", "id", "ln", "ls", "mkdir", "mktemp", "mv", "printf", "rm", "sed", "sort", "tail", "tee", "test", "touch"),
    *("tr", "true", "uname", "wc", "xargs"),
)
SETTINGS = """\
experimental-features = nix-command flakes
build-users-group =
substituters =
sandbox = false
flake-registry =
warn-dirty = false
cores = 1
"""


class Nix:
    """The nix command, offline, with a store below a folder. It needs no rights beyond that folder."""

    def __init__(self, folder: Path) -> None:
        self._home = folder / "home"
        self._home.mkdir(parents=True)
        root = folder.resolve() / "nix"
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self._home),
            "NIX_STORE_DIR": str(root / "store"),
            "NIX_STATE_DIR": str(root / "var"),
            "NIX_LOG_DIR": str(root / "log"),
            "NIX_CONF_DIR": str(root / "etc"),
            "NIX_CONFIG": SETTINGS,
            "NIX_PATH": "",
        }

    def __call__(self, *arguments: str, timeout: float = 600, environment: Mapping[str, str] | None = None) -> str:
        """The standard output of ``nix ARGUMENTS``. Raises ``Refused`` with all that it said."""
        done = subprocess.run(
            ["nix", *arguments],
            env=self._environment | dict(environment or {}),
            cwd=self._home,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=timeout,
            check=False,
        )
        if done.returncode:
            raise Refused(f"nix {' '.join(arguments)}: {done.stderr}{done.stdout}")
        return done.stdout


def needed() -> None:
    """Raises ``Unavailable`` with the name of what this machine lacks."""
    if shutil.which("nix") is None:
        raise Unavailable("no nix (Debian: nix-bin)")
    if not os.access("/dev/ptmx", os.R_OK | os.W_OK):
        raise Unavailable("no /dev/ptmx that this user may open: Nix runs builders on a pseudoterminal")
    if sys.platform != "linux" or os.uname().machine != "x86_64":
        raise Unavailable("the flake's checks are for x86_64-linux")


class Versions(Record):
    """Of the stand-in's packages, which decide what is planned."""

    libvirt: str
    qemu: str


NIXPKGS = Versions("12.1.0", "10.2.2")  # of 26.05


def write_standin(folder: Path, schemas: Path | None, versions: Versions = NIXPKGS) -> Path:
    """The stand-in, complete, at ``folder``; ``schemas`` are libvirt's, of the version that the plans are for."""
    lib = evaluate("--expr", "toString <nixpkgs/lib>")
    shutil.copytree(HERE / "standin", folder)
    shutil.copytree(lib, folder / "lib", symlinks=True)
    shutil.copy(HERE / "upstream.nix", folder)
    beside = folder.with_name("programs"), folder.with_name("cache")
    (folder / "host.nix").write_text(_host(*beside, schemas, versions), encoding="utf-8")
    return folder


def _host(programs: Path, known: Path, schemas: Path | None, versions: Versions) -> str:
    """host.nix: where this machine's programs are, and which versions the packages claim to have.

    ``known`` is the builds' folder of caches: what mypy keeps there for the next one begins with what it knows here.
    """
    programs.mkdir()
    _copy_known(cache() / "mypy", known / "optimux" / "mypy")
    for name in PROGRAMS:
        found = shutil.which(name)
        if found:
            (programs / name).symlink_to(found)
    scripts = Path(sys.executable).parent
    values = {
        "bash": shutil.which("bash") or "/bin/sh",
        "programs": str(programs),
        "python": sys.executable,
        "env": shutil.which("env"),
        "known": str(known),
        "ruff": str(scripts / "ruff"),
        "shellcheck": shutil.which("shellcheck") or "true",
        "schemas": None if schemas is None else str(schemas),
        "libvirt": versions.libvirt,
        "qemu": versions.qemu,
    }
    lines = (f"  {key} = {'null' if value is None else string(value)};\n" for key, value in values.items())
    return "{\n" + "".join(lines) + "}\n"


def _copy_known(source: Path, target: Path) -> None:
    """What mypy knows, which another mypy may be writing: each database as it is between two of its changes."""
    target.mkdir(parents=True)
    for file in source.rglob("*.db"):
        copy = target / file.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(file)) as read, closing(sqlite3.connect(copy)) as written:
            read.backup(written)


def write_checkout(folder: Path) -> Path:
    """A copy of the checkout as a flake that may be changed."""
    shutil.copytree(CHECKOUT, folder, ignore=IGNORED, symlinks=True)
    shutil.copytree(CHECKOUT / "tests" / "golden", folder / "tests" / "golden")
    return folder
