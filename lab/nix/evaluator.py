"""Nix's own evaluator. It needs no store: paths are computed, nothing is copied or built."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.errors import Refused, Unavailable
from optimux.nix_text import string

if TYPE_CHECKING:
    from collections.abc import Sequence

HERE = Path(__file__).parent


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("nix-instantiate")
    if program is None:
        raise Unavailable("no nix-instantiate (Debian: nix-bin)")
    return subprocess.run(
        [program, "--store", "dummy://", *arguments],
        env=os.environ | {"NIX_CONFIG": "build-users-group ="},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


def evaluate(*arguments: str) -> Any:
    """The value of an expression as plain data.

    Raises ``Refused`` with Nix's own words, ``Unavailable`` where there is no Nix."""
    done = _run("--eval", "--strict", "--json", *arguments)
    if done.returncode:
        raise Refused(done.stderr.strip())
    return json.loads(done.stdout)


@cache
def has_nixpkgs_lib() -> bool:
    """Whether nixpkgs' library is at hand."""
    return _run("--eval", "--expr", "<nixpkgs/lib>").returncode == 0


def need_lib() -> None:
    """Raises ``Unavailable`` where nixpkgs' library is not at hand."""
    if not has_nixpkgs_lib():
        raise Unavailable("<nixpkgs/lib> does not resolve: put nixpkgs, or its lib alone, on NIX_PATH")


def configuration(modules: Sequence[Path]) -> Any:
    """What NixOS modules add up to, with upstream's options declared. Raises ``Refused``."""
    need_lib()
    paths = " ".join(f"(/. + {string(str(path))})" for path in modules)
    return evaluate(str(HERE / "modules.nix"), "--arg", "modules", f"[ {paths} ]")
