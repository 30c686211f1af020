"""The kernel's log of one boot: the journal's where there is one, else what ``dmesg`` left in /var/log/dmesg."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

from optimux.record import Record

if TYPE_CHECKING:
    from optimux.facts.detect import Root

JOURNAL = ("/var/log/journal", "/run/log/journal")
# dmesg(1)'s output as Debian's service keeps it: this boot's, and the one before.
TEXTS = ("/var/log/dmesg", "/var/log/dmesg.0")
MOST = 32 << 20
SECONDS = 5.0
# "[    1.234567] host kernel: text" of journalctl, "[    1.234567] text" of dmesg.
_LINE = re.compile(r"\[\s*([0-9]+\.[0-9]+)\]\s+(?:\S+ (?:kernel|audit)(?:\[[0-9]+\])?: )?(.*)")
_HIDDEN = "nothing of the kernel is shown: its log is for root, and for the groups systemd-journal, adm and wheel"


class Line(Record):
    """One line: seconds since the kernel started, and the text."""

    seconds: float
    text: str


class Log(Record):
    """The lines of a boot, oldest first; ``missing`` says why there are none."""

    lines: tuple[Line, ...]
    where: str
    missing: str | None = None

    def find(self, pattern: str) -> list[tuple[Line, re.Match[str]]]:
        """Every line in which the pattern occurs, with the match."""
        compiled = re.compile(pattern)
        return [(line, match) for line in self.lines if (match := compiled.search(line.text))]


class Asking:
    """The log that was asked for, and is read when somebody wants it: journalctl runs while files are read."""

    def __init__(self, root: Root, place: str | None, *, previous: bool) -> None:
        self._root = root
        self._previous = previous
        self._line = self._command(place)
        self._process: subprocess.Popen[bytes] | None = None
        if self._line:
            quiet = subprocess.DEVNULL
            try:
                self._process = subprocess.Popen(self._line, stdin=quiet, stdout=subprocess.PIPE, stderr=quiet)
            except OSError:
                self._line = []

    def _command(self, place: str | None) -> list[str]:
        """A folder's own journal, or this machine's; a tar's cannot be read."""
        line = ["journalctl", f"--boot={-1 if self._previous else 0}", "--output=short-monotonic", "--no-pager"]
        matches = ["--quiet", "_TRANSPORT=kernel", "+", "_TRANSPORT=audit"]
        if self._root.live:
            return [*line, *matches]
        found = next((path for path in JOURNAL if self._root.names(path)), None)
        return [*line, f"--directory={place}{found}", *matches] if found and place and os.path.isdir(place) else []  # noqa: PTH112 - start-up

    def read(self) -> Log:
        """The whole log. Raises nothing: what cannot be had is ``missing``."""
        path = TEXTS[self._previous]
        if self._process:
            try:
                said, _ = self._process.communicate(timeout=SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                said, _ = self._process.communicate()
            if lines := parsed(said[:MOST]):
                return Log(lines, " ".join(self._line[:2]))
        if self._root.live and not self._previous and (lines := parsed(_ring())):
            return Log(lines, "dmesg")
        if self._root.exists(path) and (data := self._root.data(path, MOST)):
            return Log(parsed(data), path)
        if self._root.live and self._process:
            return Log((), "journalctl", _HIDDEN if not self._previous else "no journal of the boot before is kept")
        return Log((), path, f"no journal, and no {path}")


def _ring() -> bytes:
    """What dmesg(1) prints: where there is no journal, root may read the kernel's own buffer."""
    try:
        done = subprocess.run(["dmesg"], stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return b""
    return done.stdout[:MOST]


def parsed(data: bytes) -> tuple[Line, ...]:
    """Lines that begin with a time; what continues one is left out."""
    found = (_LINE.match(line) for line in data.decode("utf-8", "replace").splitlines())
    return tuple(Line(float(match[1]), match[2]) for match in found if match)
