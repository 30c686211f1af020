"""The facts that are data: ``rules.toml``, read once and only when something needs it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from optimux.version import Version


@cache
def rules() -> dict[str, Any]:
    """The whole table, as tomllib reads it."""
    import tomllib

    return tomllib.loads(Path(__file__).with_name("rules.toml").read_text(encoding="utf-8"))


def since(feature: str) -> Version:
    """The first libvirt that keeps a feature; ``KeyError`` for a name that is not in the table."""
    return Version.parse(rules()["libvirt"]["since"][feature])
