"""A word on what takes long, at once: also from a test, whose output is otherwise kept until it ends."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

_uncaptured: Callable[[], AbstractContextManager[None]] = nullcontext


def speak_through(uncaptured: Callable[[], AbstractContextManager[None]]) -> None:
    """Within ``uncaptured()`` standard error is the terminal's."""
    global _uncaptured
    _uncaptured = uncaptured


def say(words: str) -> None:
    """One line on standard error."""
    with _uncaptured():
        print(f"\nlab: {words}", file=sys.stderr, flush=True)
