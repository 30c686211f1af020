"""What is wrong and what merely surprises, collected while a plan is made."""

from __future__ import annotations

from optimux.errors import Problem


class Findings:
    """Grows while the input is looked at; nothing stops at the first problem."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []

    def error(self, path: str, found: object, allowed: str, remedy: str) -> None:
        """The input cannot be used."""
        self.problems.append(Problem(path, str(found), allowed, remedy))

    def warn(self, path: str, found: object, allowed: str, remedy: str) -> None:
        """The input works, but not as most users want."""
        self.warnings.append(Problem(path, str(found), allowed, remedy))
