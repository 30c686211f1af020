"""The one error root, and the shape of every complaint about input."""

from __future__ import annotations

from collections.abc import Sequence

from optimux.record import Record


class OptimuxError(Exception):
    """Something that Optimux can explain; the command line maps it to exit code 1."""


class Problem(Record):
    """One complaint: where, what was found, what is allowed, what to do next."""

    path: str
    found: str
    allowed: str
    remedy: str

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path else ""
        return f"{where}found {self.found}; allowed: {self.allowed}. {self.remedy}"


class InvalidInput(OptimuxError):  # noqa: N818 - it names the input, as the exit code does
    """Input that cannot be used, with every problem at once; exit code 2.

    ``count`` is how many there are, where more were found than are worth keeping in ``problems``.
    """

    def __init__(self, problems: Sequence[Problem], count: int = 0) -> None:
        self.problems = tuple(problems)
        self.count = max(count, len(self.problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))
