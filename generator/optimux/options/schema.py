"""The option set as JSON Schema (draft 2020-12), from the model alone."""

from __future__ import annotations

from typing import Any

from optimux.declare import (
    Bool,
    Choice,
    Declared,
    Int,
    Kind,
    ListOf,
    MapOf,
    Option,
    Overrides,
    Parsed,
    Scalar,
    Table,
    Text,
)
from optimux.declare.kind import MOST
from optimux.declare.renderer import Renderer

Schema = dict[str, Any]


def json_schema(table: type[Declared], title: str) -> Schema:
    """A schema that editors can complete from; numbers, patterns and words are the loader's own."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, **kind_schema(Table(table))}


def kind_schema(kind: Kind[Any]) -> Schema:
    """One kind as a fragment."""
    return _Schemas().of(kind)


class _Schemas(Renderer[Schema]):
    """Each kind as a fragment of a schema."""

    def bool(self, _kind: Bool) -> Schema:
        return {"type": "boolean"}

    def int(self, kind: Int) -> Schema:
        return {"type": "integer", "minimum": kind.least, "maximum": kind.most}

    def text(self, kind: Text | Parsed[Any]) -> Schema:
        return {"type": "string", "pattern": f"^(?:{kind.pattern})$"}

    def choice(self, kind: Choice[Any]) -> Schema:
        words = {"enum": [*kind.words, *kind.called]}
        others: list[Schema] = [{"enum": list(kind.formerly), "deprecated": True}] if kind.formerly else []
        others += [{"type": "boolean"}] if kind.booleans else []
        return {"anyOf": [words, *others]} if others else words

    def scalar(self, _kind: Scalar) -> Schema:
        return {"type": ["string", "integer", "boolean"]}

    def list_of(self, kind: ListOf[Any]) -> Schema:
        schema: Schema = {"type": "array", "items": self.of(kind.item)}
        if kind.least:
            schema["minItems"] = kind.least
        if kind.most < MOST:
            schema["maxItems"] = kind.most
        return schema

    def map_of(self, kind: MapOf[Any, Any]) -> Schema:
        schema = {"type": "object", "propertyNames": self.of(kind.key), "additionalProperties": self.of(kind.item)}
        return schema if kind.most == MOST else {**schema, "maxProperties": kind.most}

    def table(self, kind: Table[Any]) -> Schema:
        required = [declared.key for declared in kind.table.options if declared.required]
        return {**self._keys(kind.table), "required": required}

    def overrides(self, kind: Overrides) -> Schema:
        return self._keys(kind.table)

    def _keys(self, table: type[Declared]) -> Schema:
        properties = {declared.key: self._option(declared) for declared in table.options}
        return {"type": "object", "additionalProperties": False, "properties": properties}

    def _option(self, declared: Option) -> Schema:
        """With its words."""
        schema = self.of(declared.kind)
        if declared.nullable:
            schema = {"anyOf": [schema, {"type": "null"}]}
        schema["description"] = declared.doc
        if not declared.required:
            schema["default"] = declared.written_default
        if declared.example is not None:
            schema["examples"] = [declared.example]
        return schema
