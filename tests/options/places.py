"""Where options stand in a configuration: the model walked along with plain data."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from optimux.declare import Declared, Kind, ListOf, MapOf, Option, Overrides, Table
from optimux.declare.kind import INVALID
from optimux.findings import Findings
from optimux.record import Record

Key = str | int
Row = tuple[str, Option]


class Place(Record):
    """One option in one configuration: its path in the model, the keys that lead to it, the value there."""

    path: str
    keys: tuple[Key, ...]
    declared: Option
    value: Any

    @property
    def is_default(self) -> bool:
        """Whether leaving it out would mean the same value."""
        if self.declared.required:
            return False
        if self.value is None:
            return self.declared.nullable
        loaded = self.declared.kind.load(self.value, "", Findings())
        return loaded is not INVALID and loaded == self.declared.default


def every_option(table: type[Declared], prefix: str = "") -> Iterator[Row]:
    """Every path of the model, the keys of overriding tables too. ``<name>`` and ``[]`` stand for what users choose."""
    for declared in table.options:
        path = prefix + declared.key
        yield path, declared
        kind, suffix = _item(declared.kind)
        if isinstance(kind, Table):
            yield from every_option(kind.table, f"{path}{suffix}.")
        elif isinstance(kind, Overrides):
            yield from ((f"{path}.{key}", option) for key, option in kind.table.by_key.items())


def _item(kind: Kind[Any]) -> tuple[Kind[Any], str]:
    suffix = ""
    while isinstance(kind, ListOf | MapOf):
        suffix += "[]" if isinstance(kind, ListOf) else ".<name>"
        kind = kind.item
    return kind, suffix


def places(table: type[Declared], data: Any, path: str = "", keys: tuple[Key, ...] = ()) -> Iterator[Place]:
    """Every option that ``data`` states."""
    for declared in table.options:
        if declared.key in data:
            where, value = (*keys, declared.key), data[declared.key]
            yield Place(path + declared.key, where, declared, value)
            yield from _inside(declared.kind, value, path + declared.key, where)


def _inside(kind: Kind[Any], value: Any, path: str, keys: tuple[Key, ...]) -> Iterator[Place]:
    if isinstance(kind, ListOf):
        for index, item in enumerate(value):
            yield from _inside(kind.item, item, f"{path}[]", (*keys, index))
    elif isinstance(kind, MapOf):
        for key, item in value.items():
            yield from _inside(kind.item, item, f"{path}.<name>", (*keys, key))
    elif isinstance(kind, Table) and value is not None:
        yield from places(kind.table, value, f"{path}.", keys)
    elif isinstance(kind, Overrides):
        yield from (Place(f"{path}.{key}", (*keys, key), kind.table.by_key[key], item) for key, item in value.items())


def without(data: Any, keys: tuple[Key, ...]) -> Any:
    """A copy of ``data`` in which the key is left out."""
    changed = deepcopy(data)
    del _parent(changed, keys)[keys[-1]]
    return changed


def with_value(data: Any, keys: tuple[Key, ...], value: Any) -> Any:
    """A copy of ``data`` with another value at the key."""
    changed = deepcopy(data)
    _parent(changed, keys)[keys[-1]] = deepcopy(value)
    return changed


def _parent(data: Any, keys: tuple[Key, ...]) -> Any:
    for key in keys[:-1]:
        data = data[key]
    return data
