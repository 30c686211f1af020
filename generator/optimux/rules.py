"""The facts that are data: ``rules.toml`` and ``families.toml``, read once and only when something needs them."""

from __future__ import annotations

from functools import cache
from typing import Any

from optimux.shipped import shipped_table
from optimux.version import Version


@cache
def rules() -> dict[str, Any]:
    """The whole table, as tomllib reads it."""
    return shipped_table("rules.toml")


@cache
def families() -> dict[str, Any]:
    """What differs between families of distributions: their tools, packages and services."""
    return shipped_table("families.toml")


def since(feature: str) -> Version:
    """The first libvirt that keeps a feature; ``KeyError`` for a name that is not in the table."""
    return Version.parse(rules()["libvirt"]["since"][feature])
