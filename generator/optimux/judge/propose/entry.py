"""One key of a proposed configuration."""

from __future__ import annotations

from typing import Any

from optimux.record import Record


class Entry(Record):
    """``table`` and ``key`` are dotted paths, ``value`` is plain TOML data, ``why`` stands as a comment above it.

    ``guess`` says that nothing on the machine decided it; ``instead`` names what else would be sensible.
    """

    table: str
    key: str
    value: Any
    why: str = ""
    guess: bool = False
    instead: str = ""

    @property
    def comment(self) -> str:
        """What a reader is told, or nothing."""
        said = f"Guess: {self.why}" if self.guess else self.why
        return f"{said} Instead: {self.instead}" if self.instead else said
