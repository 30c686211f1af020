"""Reading the user's TOML and JSON: every way in which it can be unreadable is an explained error."""

from __future__ import annotations

from typing import Any

from optimux.files.read import named, read_bytes, unreadable

# The option set is five tables deep; tomllib's time grows with the square of this.
MOST_KEY_PARTS = 64


def read_text(path: str) -> str:
    """The text of a UTF-8 file of at most 8 MiB; ``-`` is standard input. Raises ``InvalidInput``."""
    data = read_bytes(path)
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        where = f"a byte that is no UTF-8 at offset {error.start}"
        raise unreadable(named(path), where, "UTF-8 text", "Save it as UTF-8.") from None


def read_toml(path: str) -> dict[str, Any]:
    """A TOML file as plain data. Raises ``InvalidInput`` with line and column."""
    import tomllib

    text = read_text(path)
    path = named(path)
    if line := _endless_key(text):
        allowed = f"at most {MOST_KEY_PARTS} parts"
        raise unreadable(path, f"a key of too many parts (at line {line})", allowed, "Correct the named place.")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise unreadable(path, f"malformed TOML: {error}", "TOML 1.0", "Correct the named place.") from None
    except (RecursionError, ValueError) as error:
        raise unreadable(path, _too_much(error), "plain configuration", _remedy(error)) from None


def read_json(path: str) -> Any:
    """A JSON file as plain data. Raises ``InvalidInput`` with line and column."""
    import json

    text = read_text(path)
    path = named(path)
    try:
        return json.loads(text, object_pairs_hook=_distinct)
    except json.JSONDecodeError as error:
        where = f"malformed JSON: {error.msg} (at line {error.lineno}, column {error.colno})"
        raise unreadable(path, where, "JSON (RFC 8259)", "Correct the named place.") from None
    except (RecursionError, ValueError) as error:
        raise unreadable(path, _too_much(error), "plain configuration", _remedy(error)) from None


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
