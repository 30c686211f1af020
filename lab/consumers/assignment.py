"""The cheapest one-to-one assignment."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def cheapest(cost: Sequence[Sequence[int]]) -> list[int]:
    """For each row the column it gets, so that the sum is least. At least as many columns as rows.

    The Hungarian method with potentials, rows added one at a time: O(rows² · columns).
    """
    width = len(cost[0]) if cost else 0
    row_potential, column_potential = [0] * (len(cost) + 1), [0] * (width + 1)
    owner = [0] * (width + 1)  # of each column, counted from 1; 0 is nobody
    for row in range(1, len(cost) + 1):
        owner[0], column = row, 0
        slack: list[float] = [float("inf")] * (width + 1)
        came_from, done = [0] * (width + 1), [False] * (width + 1)
        while owner[column]:
            done[column] = True
            here = owner[column]
            for other in range(1, width + 1):
                reduced = cost[here - 1][other - 1] - row_potential[here] - column_potential[other]
                if not done[other] and reduced < slack[other]:
                    slack[other], came_from[other] = reduced, column
            step = min(slack[other] for other in range(1, width + 1) if not done[other])
            for other in range(width + 1):
                if done[other]:
                    row_potential[owner[other]] += int(step)
                    column_potential[other] -= int(step)
                else:
                    slack[other] -= step
            column = next(other for other in range(1, width + 1) if not done[other] and slack[other] == 0)
        while column:
            owner[column] = owner[came_from[column]]
            column = came_from[column]
    return [owner.index(row, 1) - 1 for row in range(1, len(cost) + 1)]
