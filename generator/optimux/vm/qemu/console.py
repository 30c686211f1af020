"""A serial port of the guest, captured in a file: text that is waited for with a bound."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from optimux.vm.errors import Silent, tail

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_STEP_SECONDS = 0.02


class Console:
    """What the guest wrote so far, and the wait for what it should write."""

    def __init__(self, path: Path, alive: Callable[[], None]) -> None:
        """``path`` is QEMU's log of the port; ``alive`` raises once waiting is in vain."""
        self.path, self._alive = path, alive

    @property
    def text(self) -> str:
        """Everything so far, with plain line ends."""
        if not self.path.exists():
            return ""
        return self.path.read_bytes().decode(errors="replace").replace("\r", "")

    def wait_for(self, pattern: str, timeout: float) -> re.Match[str]:
        """The first match of ``pattern`` (multi-line mode). Raises ``Silent`` after ``timeout`` seconds."""
        wanted, end = re.compile(pattern, re.MULTILINE), time.monotonic() + timeout
        while True:
            late = time.monotonic() > end
            if match := wanted.search(self.text):
                return match
            if late:
                raise Silent(
                    f"the guest did not write {pattern!r} within {timeout:g} s", "See its console.", self.evidence()
                )
            self._check(wanted)
            time.sleep(_STEP_SECONDS)

    def evidence(self) -> list[tuple[str, str]]:
        """The last lines."""
        return [(f"{self.path.name} ends with", tail(self.text))]

    def _check(self, wanted: re.Pattern[str]) -> None:
        """A guest that has ended may have written its last words after we looked."""
        try:
            self._alive()
        except Exception:
            if not wanted.search(self.text):
                raise
