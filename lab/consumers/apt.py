"""What this machine's apt knows: the Debian mirror and how to reach it."""

from __future__ import annotations

import functools
import platform
import subprocess

from lab.errors import Unavailable

# How the machine reaches its mirror, and whether it trusts the mirror's dates, holds for every suite on it.
_INHERITED = ("Acquire::http::", "Acquire::https::", "Acquire::Check-", "Acquire::Retries", "Acquire::ForceIPv")
_MOVING = frozenset({"stable", "testing", "unstable", "sid"})


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout


@functools.cache
def mirror() -> str:
    """The address of the Debian archive that this machine installs from.

    Raises ``Unavailable`` where apt knows no Debian archive.
    """
    release = platform.freedesktop_os_release()
    suites = _MOVING | {release.get("VERSION_CODENAME", "")}
    if release.get("ID") == "debian":
        targets = _output(
            "apt-get", "indextargets", "--format", "$(SITE) $(RELEASE) $(COMPONENT)", "Created-By: Packages"
        )
        for target in targets.splitlines():
            site, suite, component = target.split()
            if suite in suites and component == "main":
                return site
    raise Unavailable("apt on this machine knows no Debian archive (suite main in its sources)")


def options() -> list[str]:
    """apt configuration lines that a root's own apt takes over from this machine."""
    lines = _output("apt-config", "dump").splitlines()
    return [line for line in lines if line.startswith(_INHERITED) and not line.endswith(' "";')]
