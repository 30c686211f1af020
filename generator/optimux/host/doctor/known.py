"""``known.toml``: cards that do not reset, tools that let go, harmless lines."""

from __future__ import annotations

from functools import cache
from typing import Any

from optimux.shipped import shipped_table


@cache
def known() -> dict[str, Any]:
    """The whole file."""
    return shipped_table("host/doctor/known.toml")
