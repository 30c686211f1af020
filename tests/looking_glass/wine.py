"""Wine's registry: ``reg import`` and ``reg query`` in a prefix of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest


def _program(name: str) -> Path | None:
    """Where a program of Wine's is: Debian puts none into the search path, but beside it."""
    beside = (str(Path(place).parent / "lib" / "wine") for place in os.environ["PATH"].split(os.pathsep))
    found = shutil.which(name, path=os.pathsep.join((os.environ["PATH"], *beside)))
    return Path(found).resolve() if found else None


def _bare(prefix: Path, program: Path) -> None:
    """Wine's own libraries and no more, where they are found: it takes half a minute to fill a prefix by itself."""
    libraries = [*program.parents[1].glob("*/wine/x86_64-windows"), *program.parents[1].glob("wine/x86_64-windows")]
    if not libraries:
        return
    system = prefix / "drive_c" / "windows" / "system32"
    system.mkdir(parents=True)
    for file in libraries[0].iterdir():
        (system / file.name).symlink_to(file)
    (prefix / ".update-timestamp").write_text("disable\n")  # Wine's word for a prefix that is not to be filled


class Registry:
    """A prefix in ``folder``."""

    def __init__(self, folder: Path) -> None:
        program, server = _program("wine64"), _program("wineserver64") or _program("wineserver")
        if program is None or server is None:
            pytest.skip("wine64 is not installed (Debian package wine64)")
        self._program, self._server = program, server
        quiet = {"WINEDEBUG": "-all", "WINEDLLOVERRIDES": "mscoree,mshtml=", "DISPLAY": ""}
        self._environment = {**os.environ, **quiet, "WINEPREFIX": str(folder / "prefix"), "HOME": str(folder)}
        _bare(folder / "prefix", program)

    def reg(self, *arguments: str) -> tuple[int, str]:
        """Exit code and standard output of reg.exe."""
        line: list[str | Path] = [self._program, "reg", *arguments]
        done = subprocess.run(line, env=self._environment, capture_output=True, timeout=300, check=False)
        return done.returncode, done.stdout.decode("utf-8", "replace").replace("\r\n", "\n")

    def end(self) -> None:
        """End the prefix's own server, which stays for some seconds otherwise."""
        subprocess.run([self._server, "-k"], env=self._environment, capture_output=True, timeout=60, check=False)
