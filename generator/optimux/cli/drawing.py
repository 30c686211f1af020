"""Pictures for people, as wide as the terminal allows."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    from rich.console import RenderableType

# Columns.
LEAST, MOST, WITHOUT_TERMINAL = 60, 200, 100


def show(picture: RenderableType, file: object = None) -> None:
    """Print it: as wide as the terminal, from 60 to 200 columns, 100 where there is none."""
    console = Console(file=file or sys.stdout, highlight=False, emoji=False)  # type: ignore[arg-type]
    width = console.width if console.is_terminal else WITHOUT_TERMINAL
    console.width = min(max(width, LEAST), MOST)
    console.print(picture)
