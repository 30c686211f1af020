"""The facts that are data: ``rules.toml`` and ``families.toml``, read once and only when something needs them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from optimux.version import Version


@cache
def rules() -> dict[str, Any]:
    """The whole table, as tomllib reads it."""
    return _read("rules.toml")


@cache
def families() -> dict[str, Any]:
    """What differs between families of distributions: their tools, packages and services."""
    return _read("families.toml")


def _read(name: str) -> dict[str, Any]:
    import tomllib

    return tomllib.loads(Path(__file__).with_name(name).read_text(encoding="utf-8"))


def since(feature: str) -> Version:
    """The first libvirt that keeps a feature; ``KeyError`` for a name that is not in the table."""
    return Version.parse(rules()["libvirt"]["since"][feature])
