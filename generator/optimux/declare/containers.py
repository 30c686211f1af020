"""Kinds that hold others: lists, maps, tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, overload

from optimux.declare.kind import INVALID, MOST, Kind, joined
from optimux.declare.option import Declared
from optimux.declare.scalars import Text

if TYPE_CHECKING:
    from optimux.findings import Findings

T = TypeVar("T")
K = TypeVar("K", bound=str)
D = TypeVar("D", bound=Declared)
# Each suggestion compares with every known word; a file that is wrong this often is no misspelt configuration.
MOST_SUGGESTIONS = 200


class ListOf(Kind[tuple[T, ...]]):
    """A list of values of one kind."""

    def __init__(self, item: Kind[T], least: int = 0, most: int = MOST) -> None:
        self.item = item
        self.least = least
        self.most = most

    @property
    def allowed(self) -> str:
        bounds = f" ({self.least} to {self.most} of them)" if self.most < MOST else ""
        return f"a list{bounds} of {self.item.allowed}"

    def load(self, value: object, path: str, findings: Findings) -> tuple[T, ...]:
        """Entries that cannot be used keep their place where something can stand in for them."""
        if not isinstance(value, list | tuple):
            return self._refuse(value, path, findings, self._bracketed())  # type: ignore[no-any-return]
        if not self.least <= len(value) <= self.most:
            allowed = f"{self.least} to {self.most} entries"
            findings.unusable(path, f"{len(value)} entries", allowed, "Add or remove entries.")
            return INVALID  # type: ignore[no-any-return]
        items = [self.item.load(item, f"{path}[{index}]", findings) for index, item in enumerate(value)]
        if any(item is INVALID for item in items):
            return self._without_invalid(items, path, findings)
        return tuple(items)

    def _bracketed(self) -> str:
        """How such a list is written; of tables, with the first key that one has."""
        if not isinstance(self.item, Table):
            return "Put it in brackets."
        return f"Write [{{ {self.item.table.options[0].key} = … }}], a table in brackets for each."

    def _without_invalid(self, items: list[T], path: str, findings: Findings) -> tuple[T, ...]:
        stand_in = self.item.stand_in()
        if stand_in is INVALID:
            findings.lose(path)
            items = [item for item in items if item is not INVALID]
        usable = tuple(stand_in if item is INVALID else item for item in items)
        return usable if len(usable) >= self.least else INVALID

    def written(self, value: tuple[T, ...]) -> Any:
        return [self.item.written(item) for item in value]


class MapOf(Kind[Mapping[K, T]]):
    """A table of at most ``most`` keys that the user chooses, or among some that ``key`` allows."""

    @overload
    def __init__(self: MapOf[str, T], item: Kind[T], *, most: int = MOST) -> None: ...
    @overload
    def __init__(self, item: Kind[T], key: Kind[K], *, most: int = MOST) -> None: ...
    def __init__(self, item: Kind[T], key: Kind[Any] | None = None, *, most: int = MOST) -> None:
        self.item = item
        self.most = most
        self.key = key or Text(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}", "letters, digits and . _ + - (at most 64)")

    @property
    def allowed(self) -> str:
        return f"a table of {self.item.allowed}"

    def load(self, value: object, path: str, findings: Findings) -> Mapping[K, T]:
        if not isinstance(value, Mapping):
            return self._refuse(value, path, findings, "Make it a table.")  # type: ignore[no-any-return]
        if len(value) > self.most:
            findings.unusable(path, f"{len(value)} entries", f"at most {self.most} entries", "Remove some.")
            return INVALID  # type: ignore[no-any-return]
        loaded = {}
        for key, item in value.items():
            where = joined(path, key)
            if self.key.load(key, f"{where} (the name)", findings) is INVALID:
                findings.lose(where)
            elif (usable := self.item.load(item, where, findings)) is not INVALID:
                loaded[key] = usable
        return loaded

    def written(self, value: Mapping[K, T]) -> Any:
        return {key: self.item.written(item) for key, item in value.items()}


class Table(Kind[D]):
    """A table with declared keys."""

    def __init__(self, table: type[D]) -> None:
        self.table = table

    @property
    def allowed(self) -> str:
        return "a table"

    def load(self, value: object, path: str, findings: Findings) -> D:
        """Whatever of it is usable: elsewhere the default stands, and where there is none the option's example."""
        if not isinstance(value, Mapping):
            return self._refuse(value, path, findings, "Make it a table.")  # type: ignore[no-any-return]
        values = _given(self.table, value, path, findings)
        for declared in self.table.options:
            if declared.required and declared.attribute not in values:
                if declared.key not in value:
                    remedy = f"Add it: {declared.doc.split('. ')[0].rstrip('.')}."
                    findings.unusable(joined(path, declared.key), "nothing", declared.kind.allowed, remedy)
                values[declared.attribute] = declared.stand_in()
        return self.table(**values)

    def stand_in(self) -> D:
        """Every required option by its example."""
        return self.table(**{o.attribute: o.stand_in() for o in self.table.options if o.required})

    def written(self, value: D) -> Any:
        return {
            declared.key: declared.kind.written(item)
            for declared in self.table.options
            if (item := getattr(value, declared.attribute)) != declared.default
        }


class Overrides(Kind[Mapping[str, Any]]):
    """Some of the keys of a table; the rest is inherited. Loads to attribute names with their values."""

    def __init__(self, table: type[Declared]) -> None:
        self.table = table

    @property
    def allowed(self) -> str:
        return "a table"

    def load(self, value: object, path: str, findings: Findings) -> Mapping[str, Any]:
        if not isinstance(value, Mapping):
            return self._refuse(value, path, findings, "Make it a table.")  # type: ignore[no-any-return]
        return _given(self.table, value, path, findings)

    def written(self, value: Mapping[str, Any]) -> Any:
        declared = {o.attribute: o for o in self.table.options}
        return {declared[name].key: declared[name].kind.written(item) for name, item in value.items()}


def _given(table: type[Declared], value: Mapping[str, Any], path: str, findings: Findings) -> dict[str, Any]:
    """The keys that the user wrote, by attribute name; unknown and unusable ones become problems."""
    values: dict[str, Any] = {}
    inner = f"{path}." if path else ""
    for key, item in value.items():
        declared = table.by_key.get(key)
        if declared is None:
            _unknown(table, key, value, path, findings)
        elif item is None and declared.nullable:
            values[declared.attribute] = None
        elif (loaded := declared.kind.load(item, f"{inner}{key}", findings)) is not INVALID:
            values[declared.attribute] = loaded
    return values


def _unknown(table: type[Declared], key: str, value: Mapping[str, Any], path: str, findings: Findings) -> None:
    """A misspelt key: what it was meant for is lost with it, unless that stands there too."""
    from optimux.declare.wording import nearest, suggestion

    known = tuple(table.by_key)
    remedy = nearest(key, known) if findings.count < MOST_SUGGESTIONS else "Remove it."
    allowed = "the keys " + ", ".join(sorted(known)) if len(known) <= 20 else "a known key"
    findings.error(joined(path, key), "an unknown key", allowed, remedy)
    if findings.count < MOST_SUGGESTIONS and (meant := suggestion(key, known)) and meant not in value:
        findings.lose(joined(path, meant))
