"""What the user asked of ``apply``."""

from __future__ import annotations

from optimux.host.shell import Shell
from optimux.record import Record


class Request(Record):
    """The options of one call. ``place`` is another root, ``None`` this machine's."""

    config: str
    steps: tuple[str, ...]
    place: str | None
    chroot: bool
    facts: str | None
    digest: str | None
    dry_run: bool
    yes: bool
    anyway: bool
    script: bool
    as_json: bool

    @property
    def shell(self) -> Shell:
        """Where commands run, if they do."""
        return Shell(self.place if self.chroot else None, runs=self.place is None or self.chroot)
