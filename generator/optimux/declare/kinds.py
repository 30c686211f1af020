"""The kinds of value an option can have: how each is checked, loaded and described.

A kind's ``load`` appends every problem it finds and returns the loaded value, or ``INVALID`` where there is none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from optimux.declare.option import Declared, Option
from optimux.errors import Problem

if TYPE_CHECKING:
    from typing_extensions import TypeForm

T = TypeVar("T")
W = TypeVar("W", bound=str)
K = TypeVar("K", bound=str)
D = TypeVar("D", bound=Declared)
MOST_SHOWN = 60
# More entries than any host has devices or VMs: what is longer is a mistake, and would only take time.
MOST = 10_000
# Each suggestion compares with every known word; a file that is wrong this often is no misspelt configuration.
MOST_SUGGESTIONS = 200


class _Invalid:
    def __repr__(self) -> str:
        return "INVALID"


INVALID: Any = _Invalid()
Problems = list[Problem]


def shown(value: object) -> str:
    """A value as the user wrote it, short enough for one line."""
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, str):
        text = f'"{value}"'
    elif isinstance(value, Mapping):
        return "a table"
    elif isinstance(value, list | tuple):
        return "a list"
    elif value is None:
        return "null"
    else:
        text = _number_text(value)
    text = "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text[: MOST_SHOWN + 1])
    return text if len(text) <= MOST_SHOWN else text[:MOST_SHOWN] + "…"


def _number_text(value: object) -> str:
    try:
        return str(value)
    except ValueError:  # Python refuses to print integers of more than 4300 digits
        return "a number of thousands of digits"


def _quotes(value: object) -> str:
    """The remedy for something that is no text: quotes, where quotes would make it one."""
    return "Write it in quotes." if isinstance(value, bool | int | float) else ""


class Kind(Generic[T]):
    """What values are allowed; ``allowed`` says it in words."""

    allowed = "anything"

    def load(self, value: object, path: str, problems: Problems) -> T:
        """The loaded value, or ``INVALID`` after appending to ``problems``."""
        raise NotImplementedError(type(self))

    def json_schema(self) -> dict[str, Any]:
        """The kind as a JSON Schema (draft 2020-12) fragment."""
        raise NotImplementedError(type(self))

    def written(self, value: T) -> Any:
        """The inverse of ``load``: plain TOML or JSON data."""
        return value

    def _refuse(self, value: object, path: str, problems: Problems, remedy: str = "") -> Any:
        problems.append(Problem(path, shown(value), self.allowed, remedy or "Correct the value."))
        return INVALID


class Bool(Kind[bool]):
    """true or false."""

    allowed = "true or false"

    def load(self, value: object, path: str, problems: Problems) -> bool:
        if isinstance(value, bool):
            return value
        return self._refuse(value, path, problems, "Write it without quotes.")  # type: ignore[no-any-return]

    def json_schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


class Int(Kind[int]):
    """A whole number from ``least`` to ``most``, both included."""

    def __init__(self, least: int = 0, most: int = 2**31 - 1) -> None:
        self.least = least
        self.most = most
        self.allowed = f"a whole number from {least} to {most}"

    def load(self, value: object, path: str, problems: Problems) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and self.least <= value <= self.most:
            return value
        return self._refuse(value, path, problems)  # type: ignore[no-any-return]

    def json_schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


# XML 1.0 §2.2: what no document can hold, escaped or not; surrogates cannot be encoded at all.
NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class Text(Kind[str]):
    """Text that matches ``pattern`` whole; one line unless the pattern says more. ``allowed`` names it in words."""

    def __init__(self, pattern: str = r"[^\n\r]*", allowed: str = "one line of text", most: int = 4096) -> None:
        self.pattern = pattern
        self.most = most
        self.allowed = allowed
        self._compiled: re.Pattern[str] | None = None

    def load(self, value: object, path: str, problems: Problems) -> str:
        if not isinstance(value, str):
            return self._refuse(value, path, problems, _quotes(value))  # type: ignore[no-any-return]
        if len(value) > self.most:
            remedy = f"Shorten it to {self.most} characters."
            return self._refuse(value, path, problems, remedy)  # type: ignore[no-any-return]
        if NOT_IN_XML.search(value):
            return self._refuse(value, path, problems, "Remove the control characters.")  # type: ignore[no-any-return]
        if self._compiled is None:
            self._compiled = re.compile(self.pattern)
        if self._compiled.fullmatch(value):
            return value
        return self._refuse(value, path, problems)  # type: ignore[no-any-return]

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^(?:{self.pattern})$"}


class Choice(Kind[W]):
    """One of a few words, those of a ``Literal``: ``Choice(Bind)`` with ``Bind = Literal["id", "address"]``."""

    def __init__(self, words: TypeForm[W]) -> None:
        self.words: tuple[W, ...] = words.__args__  # type: ignore[attr-defined] # a Literal's, in its order
        self.allowed = "one of " + ", ".join(f'"{word}"' for word in self.words)

    def load(self, value: object, path: str, problems: Problems) -> W:
        for word in self.words:
            if word == value:
                return word
        return self._refuse(value, path, problems, nearest(value, self.words))  # type: ignore[no-any-return]

    def json_schema(self) -> dict[str, Any]:
        return {"enum": list(self.words)}


class Parsed(Kind[T]):
    """Text that a parser turns into a small value; the parser raises ``ValueError`` with the reason."""

    def __init__(self, parse: Callable[[str], T], allowed: str, pattern: str, name: str) -> None:
        self.parse = parse
        self.allowed = allowed
        self.pattern = pattern
        self.name = name

    def load(self, value: object, path: str, problems: Problems) -> T:
        if not isinstance(value, str):
            return self._refuse(value, path, problems, _quotes(value))  # type: ignore[no-any-return]
        try:
            return self.parse(value)
        except ValueError as reason:
            return self._refuse(value, path, problems, f"It is {reason}.")  # type: ignore[no-any-return]

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^(?:{self.pattern})$"}

    def written(self, value: T) -> Any:
        return str(value)


class Scalar(Kind[str | int | bool]):
    """A value of a foreign settings file: text of one line, a whole number, or a truth value."""

    allowed = "one line of text, a whole number, or true or false"

    def load(self, value: object, path: str, problems: Problems) -> str | int | bool:
        if isinstance(value, bool | int) and abs(value) < 1 << 63:
            return value
        if isinstance(value, str) and value.isprintable():
            return value
        return self._refuse(value, path, problems)  # type: ignore[no-any-return]

    def json_schema(self) -> dict[str, Any]:
        return {"type": ["string", "integer", "boolean"]}


class ListOf(Kind[tuple[T, ...]]):
    """A list of values of one kind."""

    def __init__(self, item: Kind[T], least: int = 0, most: int = MOST) -> None:
        self.item = item
        self.least = least
        self.most = most
        bounds = f" ({least} to {most} of them)" if most < MOST else ""
        self.allowed = f"a list{bounds} of {item.allowed}"

    def load(self, value: object, path: str, problems: Problems) -> tuple[T, ...]:
        if not isinstance(value, list | tuple):
            return self._refuse(value, path, problems, "Put it in brackets.")  # type: ignore[no-any-return]
        if not self.least <= len(value) <= self.most:
            allowed = f"{self.least} to {self.most} entries"
            problems.append(Problem(path, f"{len(value)} entries", allowed, "Add or remove entries."))
            return INVALID  # type: ignore[no-any-return]
        items = [self.item.load(item, f"{path}[{index}]", problems) for index, item in enumerate(value)]
        usable = tuple(item for item in items if item is not INVALID)
        return usable if len(usable) >= self.least else INVALID

    def json_schema(self) -> dict[str, Any]:
        schema: dict[str, Any] = {"type": "array", "items": self.item.json_schema()}
        if self.least:
            schema["minItems"] = self.least
        if self.most < MOST:
            schema["maxItems"] = self.most
        return schema

    def written(self, value: tuple[T, ...]) -> Any:
        return [self.item.written(item) for item in value]


class MapOf(Kind[Mapping[K, T]]):
    """A table whose keys the user chooses, or among some that ``key`` allows."""

    @overload
    def __init__(self: MapOf[str, T], item: Kind[T]) -> None: ...
    @overload
    def __init__(self, item: Kind[T], key: Kind[K]) -> None: ...
    def __init__(self, item: Kind[T], key: Kind[Any] | None = None) -> None:
        self.item = item
        self.key = key or Text(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}", "letters, digits and . _ + - (at most 64)")
        self.allowed = f"a table of {item.allowed}"

    def load(self, value: object, path: str, problems: Problems) -> Mapping[K, T]:
        if not isinstance(value, Mapping):
            return self._refuse(value, path, problems, "Make it a table.")  # type: ignore[no-any-return]
        if len(value) > MOST:
            problems.append(Problem(path, f"{len(value)} entries", f"at most {MOST} entries", "Remove some."))
            return INVALID  # type: ignore[no-any-return]
        loaded = {}
        for key, item in value.items():
            where = joined(path, key)
            if self.key.load(key, f"{where} (the name)", problems) is not INVALID:
                loaded[key] = self.item.load(item, where, problems)
        return {key: item for key, item in loaded.items() if item is not INVALID}

    def json_schema(self) -> dict[str, Any]:
        return {
            "type": "object",
            "propertyNames": self.key.json_schema(),
            "additionalProperties": self.item.json_schema(),
        }

    def written(self, value: Mapping[K, T]) -> Any:
        return {key: self.item.written(item) for key, item in value.items()}


class Table(Kind[D]):
    """A table with declared keys."""

    allowed = "a table"

    def __init__(self, table: type[D]) -> None:
        self.table = table

    def load(self, value: object, path: str, problems: Problems) -> D:
        if not isinstance(value, Mapping):
            return self._refuse(value, path, problems, "Make it a table.")  # type: ignore[no-any-return]
        values = _given(self.table, value, path, problems)
        for declared in self.table.options:
            if declared.required and declared.key not in value:
                remedy = f"Add it: {declared.doc.split('. ')[0].rstrip('.')}."
                problems.append(Problem(joined(path, declared.key), "nothing", declared.kind.allowed, remedy))
        if any(declared.required and declared.attribute not in values for declared in self.table.options):
            return INVALID  # type: ignore[no-any-return]
        return self.table(**values)

    def json_schema(self) -> dict[str, Any]:
        return {
            "type": "object",
            "additionalProperties": False,
            "properties": {declared.key: option_schema(declared) for declared in self.table.options},
            "required": [declared.key for declared in self.table.options if declared.required],
        }

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
        self.allowed = "a table"

    def load(self, value: object, path: str, problems: Problems) -> Mapping[str, Any]:
        if not isinstance(value, Mapping):
            return self._refuse(value, path, problems, "Make it a table.")  # type: ignore[no-any-return]
        return _given(self.table, value, path, problems)

    def json_schema(self) -> dict[str, Any]:
        schema = Table(self.table).json_schema()
        schema.pop("required")
        return schema

    def written(self, value: Mapping[str, Any]) -> Any:
        declared = {o.attribute: o for o in self.table.options}
        return {declared[name].key: declared[name].kind.written(item) for name, item in value.items()}


def _given(table: type[Declared], value: Mapping[str, Any], path: str, problems: Problems) -> dict[str, Any]:
    """The keys that the user wrote, by attribute name; unknown and unusable ones become problems."""
    values: dict[str, Any] = {}
    for key, item in value.items():
        declared = table.by_key.get(key)
        if declared is None:
            remedy = nearest(key, tuple(table.by_key)) if len(problems) < MOST_SUGGESTIONS else "Remove it."
            allowed = "the keys " + ", ".join(sorted(table.by_key)) if len(table.by_key) <= 20 else "a known key"
            problems.append(Problem(joined(path, key), "an unknown key", allowed, remedy))
        elif item is None and declared.nullable:
            values[declared.attribute] = None
        elif (loaded := declared.kind.load(item, joined(path, key), problems)) is not INVALID:
            values[declared.attribute] = loaded
    return values


def option_schema(declared: Option) -> dict[str, Any]:
    """One option as JSON Schema, with its words."""
    schema = declared.kind.json_schema()
    if declared.nullable:
        schema = {"anyOf": [schema, {"type": "null"}]}
    schema["description"] = declared.doc
    if not declared.required:
        schema["default"] = None if declared.nullable else declared.kind.written(declared.default)
    if declared.example is not None:
        schema["examples"] = [declared.example]
    return schema


def joined(path: str, key: object) -> str:
    """A path with one more key; keys that are no plain words are quoted."""
    text = str(key)
    if not re.fullmatch(r"[A-Za-z0-9_-]+", text):
        text = shown(text)
    return f"{path}.{text}" if path else text


def nearest(value: object, words: tuple[str, ...]) -> str:
    """A suggestion, or the sentence that there is none."""
    if isinstance(value, str) and (word := suggestion(value, words)):
        return f'Did you mean "{word}"?'
    return "Use one of the allowed ones, or remove it."


def suggestion(value: str, words: tuple[str, ...]) -> str | None:
    """The word that ``value`` begins or resembles, or ``None``."""
    import difflib  # only bad input pays for it

    short = value[:64].lower()
    lowered = {word.lower(): word for word in words}
    begun = [word for word in lowered if short and word.startswith(short)]
    if len(begun) == 1:
        return lowered[begun[0]]
    close = difflib.get_close_matches(short, lowered, n=1, cutoff=0.6)
    return lowered[close[0]] if close else None
