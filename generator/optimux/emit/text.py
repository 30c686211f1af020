"""The form that small generated text files share."""

from __future__ import annotations

from collections.abc import Iterable


def commented(purpose: str, lines: Iterable[str], before: str = "") -> str:
    """A file: ``before`` (a ``#!`` line), who wrote it and what it is for, then the lines."""
    head = [before] if before else []
    return "\n".join([*head, f"# Written by Optimux: {purpose}", *lines, ""])
