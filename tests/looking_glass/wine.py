"""Wine's registry: ``reg import`` and ``reg query`` in a prefix of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

# Debian's wine64 puts nothing into the search path.
PLACES = ("wine64", "/usr/lib/wine/wine64")


class Registry:
    """A prefix in ``folder``, made at the first command."""

    def __init__(self, folder: Path) -> None:
        self._program = next((found for place in PLACES if (found := shutil.which(place))), None)
        quiet = {"WINEDEBUG": "-all", "WINEDLLOVERRIDES": "mscoree,mshtml=", "DISPLAY": ""}
        self._environment = {**os.environ, **quiet, "WINEPREFIX": str(folder / "prefix"), "HOME": str(folder)}

    def reg(self, *arguments: str) -> tuple[int, str]:
        """Exit code and standard output of reg.exe."""
        if self._program is None:
            pytest.skip("wine64 is not installed (Debian package wine64)")
        line = [self._program, "reg", *arguments]
        done = subprocess.run(line, env=self._environment, capture_output=True, timeout=300, check=False)
        return done.returncode, done.stdout.decode("utf-8", "replace").replace("\r\n", "\n")

    def end(self) -> None:
        """End the prefix's own server, which stays for some seconds otherwise."""
        server = shutil.which("wineserver") or "/usr/lib/wine/wineserver64"
        if self._program is not None and Path(server).exists():
            subprocess.run([server, "-k"], env=self._environment, capture_output=True, timeout=60, check=False)
