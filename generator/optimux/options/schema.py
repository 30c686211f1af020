"""The option set as JSON Schema (draft 2020-12), from the model alone."""

from __future__ import annotations

from typing import Any

from optimux.declare import Declared, Table


def json_schema(table: type[Declared], title: str) -> dict[str, Any]:
    """A schema that editors can complete from; numbers, patterns and words are the loader's own."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, **Table(table).json_schema()}
