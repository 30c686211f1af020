"""What only a program says: QEMU's and libvirt's versions, where no file has them. Never for a recorded tree."""

from __future__ import annotations

import contextlib
import re
import subprocess

from optimux.version import Version

PROGRAMS = {"qemu": ("qemu-system-x86_64", "--version"), "libvirt": ("virsh", "--version")}
SECONDS = 2.0


class Asked:
    """A program that was started, and will be asked later: it runs while files are read."""

    def __init__(self, name: str) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        with contextlib.suppress(OSError):
            self._process = subprocess.Popen(
                PROGRAMS[name], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )

    def version(self) -> Version | None:
        """The first version in what it printed; ``None`` where it is missing, slow, or says something else."""
        if self._process is None:
            return None
        try:
            said, _ = self._process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
            return None
        match = re.search(r"[0-9]{1,5}(\.[0-9]{1,5}){1,2}", said[:4096].decode("utf-8", "replace"))
        return Version.parse(match[0]) if match else None
