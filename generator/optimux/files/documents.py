"""Reading the user's TOML and JSON: every way in which it can be unreadable is an explained error."""

from __future__ import annotations

from typing import Any

from optimux.files.read import LIMIT, named, read_bytes, unreadable

# The option set is five tables deep; tomllib's time grows with the square of this.
MOST_KEY_PARTS = 64
# What tomllib reads in two seconds; a thousand VMs take a quarter of it.
MOST_TOML = 4 << 20
# Python converts no more (sys.int_info); tomllib's pattern would take a hundred bytes for each before.
_MANY_DIGITS = 4300
_TOO_LONG = "a number of thousands of digits"

_AGAIN = "It stands further up already, and may do so once: put what belongs to a table below the first one."
_TOML_REMEDIES = {
    "Cannot declare": _AGAIN,
    "Cannot overwrite": _AGAIN,
    "Cannot mutate": _AGAIN,
    "Duplicate inline table key": _AGAIN,
    "Illegal character": "A quote is not closed in this line, or the character must be left out.",
    "Unterminated": "A quote is not closed.",
    "Unclosed": "Close it with its bracket, or put the comma that is missing between two entries.",
    "Invalid value": "Write text in quotes, and truth values as true or false.",
    "Expected '='": "A key is followed by = and its value; a comment begins with #.",
    "Expected newline": "One key and its value a line; text stands in quotes.",
}


def read_text(path: str, limit: int = LIMIT) -> str:
    """The text of a UTF-8 file of at most ``limit`` bytes; ``-`` is standard input. Raises ``InvalidInput``."""
    data = read_bytes(path, limit)
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        where = f"{_other_encoding(data)}a byte that is no UTF-8 at offset {error.start}"
        raise unreadable(named(path), where, "UTF-8 text", "Save it as UTF-8.") from None


def _other_encoding(data: bytes) -> str:
    """What the mark at the beginning says that it is."""
    if data.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        return "UTF-32 text: "
    return "UTF-16 text: " if data.startswith((b"\xff\xfe", b"\xfe\xff")) else ""


def read_toml(path: str) -> dict[str, Any]:
    """A TOML file as plain data. Raises ``InvalidInput`` with line and column."""
    import tomllib

    text = read_text(path, MOST_TOML)
    path = named(path)
    if _has_endless_number(text):
        raise unreadable(path, f"an unusable value: {_TOO_LONG}", "plain configuration", "Correct the value.")
    if line := _endless_key(text):
        allowed = f"at most {MOST_KEY_PARTS} parts"
        raise unreadable(path, f"a key of too many parts (at line {line})", allowed, "Correct the named place.")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise unreadable(path, f"malformed TOML: {error}", "TOML 1.0", _toml_remedy(str(error))) from None
    except (RecursionError, ValueError) as error:
        raise unreadable(path, _too_much(error), "plain configuration", _remedy(error)) from None


def _toml_remedy(words: str) -> str:
    """What most often is behind the reader's words (tomllib of Python 3.11 to 3.14)."""
    for said, remedy in _TOML_REMEDIES.items():
        if said in words:
            return remedy
    return "Correct the named place."


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


def _has_endless_number(text: str) -> bool:
    """Whether there is a number, or a word that begins as one, that Python would refuse after much work."""
    import re

    return re.search(rf"(?:\A|[\s=\[,+-])[0-9][0-9_]{{{_MANY_DIGITS},}}+", text) is not None


def _endless_key(text: str) -> int | None:
    """The line of a dotted key, or table header, of too many parts."""
    if all(line.count(".") < MOST_KEY_PARTS for line in text.split("\n")):
        return None
    import re

    # All of TOML but a longer key, each piece whole: what is quoted may hold dots, "#" and quotes. Nothing is read
    # twice, and the match ends where such a key begins. What repeats and can fail halfway is an atomic group: behind a
    # possessive repetition of it Python before 3.11.5 goes on from where it failed (CPython's gh-106052).
    part = r"""(?:"(?:[^"\\\n]|\\.)*+"?+|'[^'\n]*+'?+|[\w-]++)"""
    key = rf"{part}(?>(?:[ \t]*+\.[ \t]*+{part}){{0,{MOST_KEY_PARTS - 1}}})(?![ \t]*+\.[ \t]*+{part})"
    basic = r'"{3}(?>(?:[^"\\]|\\.|"(?!""))*)(?:"{3,5}|\Z)'
    literal = r"'{3}(?>(?:[^']|'(?!''))*)(?:'{3,5}|\Z)"
    known = re.compile(rf"(?:#[^\n]*+|{basic}|{literal}|{key}|[^\w\"'#-]++)*+", re.DOTALL)
    match = known.match(text)
    end = match.end() if match else 0
    return text.count("\n", 0, end) + 1 if end < len(text) else None


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys differ, as TOML demands; JSON alone would keep the last of two in silence."""
    table = dict(pairs)
    if len(table) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {twice[:60]!r} stands twice in one object")
    return table


def _remedy(error: Exception) -> str:
    return "Flatten it." if isinstance(error, RecursionError) else "Correct the value."


def _too_much(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "tables or lists nested too deeply"
    if "integer string conversion" in str(error):  # what Python refuses to read, in its own terms
        return f"an unusable value: {_TOO_LONG}"
    return f"an unusable value: {error}"
