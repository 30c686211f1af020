"""Commands on the host, or in another root: run, tested, or only listed."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from optimux.errors import OptimuxError

if TYPE_CHECKING:
    from collections.abc import Sequence

# A package manager that asks would wait for ever: it is told not to, and has nobody to read from.
_ENVIRONMENT = {"DEBIAN_FRONTEND": "noninteractive"}
_TEST_SECONDS = 60


class Shell:
    """``root`` is another root to enter, if any. ``runs`` is false where commands are only listed."""

    def __init__(self, root: str | None = None, *, runs: bool = True) -> None:
        self._prefix = ["chroot", root] if root else []
        self.runs = runs

    def can(self, offline: bool) -> bool:
        """Whether a command is run here: in another root only one that works on a system that does not run."""
        return self.runs and (offline or not self._prefix)

    def run(self, command: str) -> int:
        """Its exit status; its output goes to standard error. Raises ``OptimuxError`` where it cannot be started."""
        try:
            return subprocess.run(
                [*self._prefix, "sh", "-c", command],
                stdin=subprocess.DEVNULL,
                stdout=_where_errors_go(),
                env=os.environ | _ENVIRONMENT,
                check=False,
            ).returncode
        except OSError as error:
            raise OptimuxError(f"`{command}` cannot be started: {error.strerror}") from None

    def settle(self) -> None:
        """Have what commands wrote on the disk. Tools that make images and menus rename them and leave it at that: a
        power cut would leave an empty one, while the journal says that the command ended.
        """
        if self.runs:
            os.sync()

    def holds(self, tests: Sequence[str]) -> tuple[bool, ...]:
        """Which tests succeed, in one shell; none does where nothing can be run, or where it takes a minute."""
        if not tests or not self.runs:
            return (False,) * len(tests)
        script = "\n".join(f"( {test}\n) >/dev/null 2>&1 && echo {number}" for number, test in enumerate(tests))
        try:
            done = subprocess.run(
                [*self._prefix, "sh", "-c", script],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=_TEST_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return (False,) * len(tests)
        held = set(done.stdout.split())
        return tuple(str(number).encode() in held for number in range(len(tests)))


def _where_errors_go() -> int:
    """Standard error, where there is one: standard output is for results."""
    try:
        return sys.stderr.fileno()
    except (OSError, ValueError, AttributeError):
        return subprocess.DEVNULL
