"""Reading the user's TOML and JSON: every way in which it can be unreadable is an explained error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from optimux.errors import InvalidInput, Problem

LIMIT = 8 << 20


def _unreadable(path: str, found: str, allowed: str, remedy: str) -> InvalidInput:
    return InvalidInput([Problem(path, found, allowed, remedy)])


def read_text(path: str) -> str:
    """The text of a UTF-8 file of at most 8 MiB. Raises ``InvalidInput``."""
    try:
        with Path(path).open("rb") as file:
            data = file.read(LIMIT + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise _unreadable(path, reason, "a readable file", "Check the path.") from None
    if len(data) > LIMIT:
        raise _unreadable(path, "more than 8 MiB", "at most 8 MiB", "Is it the right file?")
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        where = f"a byte that is no UTF-8 at offset {error.start}"
        raise _unreadable(path, where, "UTF-8 text", "Save it as UTF-8.") from None


def read_toml(path: str) -> dict[str, Any]:
    """A TOML file as plain data. Raises ``InvalidInput`` with line and column."""
    import tomllib

    text = read_text(path)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _unreadable(path, f"malformed TOML: {error}", "TOML 1.0", "Correct the named place.") from None
    except (RecursionError, ValueError) as error:
        raise _unreadable(path, _too_much(error), "plain configuration", "Flatten it.") from None


def read_json(path: str) -> Any:
    """A JSON file as plain data. Raises ``InvalidInput`` with line and column."""
    import json

    text = read_text(path)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        where = f"malformed JSON: {error.msg} (at line {error.lineno}, column {error.colno})"
        raise _unreadable(path, where, "JSON (RFC 8259)", "Correct the named place.") from None
    except (RecursionError, ValueError) as error:
        raise _unreadable(path, _too_much(error), "plain configuration", "Flatten it.") from None


def _too_much(error: Exception) -> str:
    return "tables or lists nested too deeply" if isinstance(error, RecursionError) else f"an unusable value: {error}"
