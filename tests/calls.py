"""Work counted in calls, which no other load of the machine changes."""

from __future__ import annotations

import sys
from collections.abc import Callable


def counted(action: Callable[[], object]) -> int:
    """How many functions ``action`` calls, Python's and C's; what it raises goes through."""
    count = 0

    def count_one(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(count_one)
    try:
        action()
    finally:
        sys.setprofile(None)
    return count


def grows_with_the_square(count_for: Callable[[int], int]) -> tuple[int, int, int] | None:
    """The counts at once, twice and four times the size where the second step is more than twice the first."""
    once, twice, four = map(count_for, (1, 2, 4))
    # A part that grows with the square would make the second step four times the first.
    return (once, twice, four) if four - twice > 2.4 * max(twice - once, 0) + 200 else None
