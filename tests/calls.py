"""Work counted in calls, which no other load of the machine changes."""

from __future__ import annotations

from collections.abc import Callable
from cProfile import Profile


def counted(action: Callable[[], object]) -> int:
    """How many functions ``action`` calls, Python's and C's; what it raises goes through."""
    profile = Profile()
    profile.enable()
    try:
        action()
    finally:
        profile.disable()
    return sum(entry.callcount for entry in profile.getstats())


def grows_with_the_square(count_for: Callable[[int], int]) -> tuple[int, int, int] | None:
    """The counts at once, twice and four times the size where the second step is more than twice the first."""
    once, twice, four = map(count_for, (1, 2, 4))
    # A part that grows with the square would make the second step four times the first.
    return (once, twice, four) if four - twice > 2.4 * max(twice - once, 0) + 200 else None
