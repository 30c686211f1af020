"""A clock that only moves when somebody sleeps."""

from __future__ import annotations


class Clock:
    """Seconds since its making; ``slept`` counts the sleeps."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.slept = 0

    def now(self) -> float:
        """Seconds so far."""
        return self.seconds

    def sleep(self, seconds: float) -> None:
        """Time passes."""
        self.seconds += seconds
        self.slept += 1
