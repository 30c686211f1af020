"""What every verb's command does before its own work."""

from __future__ import annotations

from typing import Any

import click

from optimux.errors import InvalidInput, Problem


class Verb(click.Command):
    """A command whose options have values where they are given: an empty one is a script's unset variable."""

    def invoke(self, ctx: click.Context) -> Any:
        """Raises ``InvalidInput`` with every option that is empty."""
        empty = [
            Problem(option.opts[-1], "an empty value", "a value", "Give it one, or leave the option out.")
            for option in self.params
            if isinstance(option, click.Option) and "" in _values(ctx.params.get(option.name or ""))
        ]
        if empty:
            raise InvalidInput(empty)
        return super().invoke(ctx)


class VerbGroup(Verb, click.Group):
    """A verb that has verbs of its own."""


def _values(value: object) -> tuple[object, ...]:
    return value if isinstance(value, tuple) else (value,)
