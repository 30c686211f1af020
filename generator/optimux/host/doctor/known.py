"""``known.toml``: cards that do not reset, tools that let go, harmless lines."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any


@cache
def known() -> dict[str, Any]:
    """The whole file."""
    import tomllib

    return tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
