"""Reading the user's TOML and JSON: every way in which it can be unreadable is an explained error."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from optimux.errors import InvalidInput, Problem

LIMIT = 8 << 20
# The option set is five tables deep; tomllib's time grows with the square of this.
MOST_KEY_PARTS = 64


def _unreadable(path: str, found: str, allowed: str, remedy: str) -> InvalidInput:
    return InvalidInput([Problem(path, found, allowed, remedy)])


def read_text(path: str) -> str:
    """The text of a UTF-8 file of at most 8 MiB; ``-`` is standard input. Raises ``InvalidInput``."""
    name = _named(path)
    try:
        data = _read(path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise _unreadable(name, reason, "a readable file", "Check the path.") from None
    if len(data) > LIMIT:
        raise _unreadable(name, "more than 8 MiB", "at most 8 MiB", "Is it the right file?")
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        where = f"a byte that is no UTF-8 at offset {error.start}"
        raise _unreadable(name, where, "UTF-8 text", "Save it as UTF-8.") from None


def _read(path: str) -> bytes:
    if not path:
        raise ValueError("an empty path")
    if path == "-":
        if sys.stdin is None:  # python leaves it out where descriptor 0 is closed
            raise ValueError("it is closed")
        return sys.stdin.buffer.read(LIMIT + 1)
    with Path(path).open("rb") as file:
        return file.read(LIMIT + 1)


def read_toml(path: str) -> dict[str, Any]:
    """A TOML file as plain data. Raises ``InvalidInput`` with line and column."""
    import tomllib

    text = read_text(path)
    path = _named(path)
    if line := _endless_key(text):
        allowed = f"at most {MOST_KEY_PARTS} parts"
        raise _unreadable(path, f"a key of too many parts (at line {line})", allowed, "Correct the named place.")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _unreadable(path, f"malformed TOML: {error}", "TOML 1.0", "Correct the named place.") from None
    except (RecursionError, ValueError) as error:
        raise _unreadable(path, _too_much(error), "plain configuration", _remedy(error)) from None


def read_json(path: str) -> Any:
    """A JSON file as plain data. Raises ``InvalidInput`` with line and column."""
    import json

    text = read_text(path)
    path = _named(path)
    try:
        return json.loads(text, object_pairs_hook=_distinct)
    except json.JSONDecodeError as error:
        where = f"malformed JSON: {error.msg} (at line {error.lineno}, column {error.colno})"
        raise _unreadable(path, where, "JSON (RFC 8259)", "Correct the named place.") from None
    except (RecursionError, ValueError) as error:
        raise _unreadable(path, _too_much(error), "plain configuration", _remedy(error)) from None


def _named(path: str) -> str:
    return "standard input" if path == "-" else path


def _endless_key(text: str) -> int | None:
    """The line of a dotted key, or table header, of too many parts."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.count(".") > MOST_KEY_PARTS:
            import re

            # From the start of a part, and without giving back: linear in the line.
            found = re.search(rf"(?<![\w'\"-])(?:[\w'\"-]++[ \t]*+\.[ \t]*+){{{MOST_KEY_PARTS}}}", line)
            if found and "#" not in line[: found.start()]:
                return number
    return None


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys differ, as TOML demands; JSON alone would keep the last of two in silence."""
    table = dict(pairs)
    if len(table) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in table if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return table


def _remedy(error: Exception) -> str:
    return "Flatten it." if isinstance(error, RecursionError) else "Correct the value."


def _too_much(error: Exception) -> str:
    return "tables or lists nested too deeply" if isinstance(error, RecursionError) else f"an unusable value: {error}"
