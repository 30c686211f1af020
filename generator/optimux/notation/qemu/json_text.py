"""JSON as QEMU reads it: RFC 8259 with single-quoted strings and ``\\'`` (qobject/json-lexer.c, json-parser.c)."""

from __future__ import annotations

import re
from typing import Any

from optimux.notation.qemu.errors import UnreadableError

_STRING = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'", re.DOTALL)
_SINGLE = re.compile(r"\\.|\"", re.DOTALL)
# Halves of surrogate pairs and noncharacters (Unicode 15.0 §23.7): QEMU takes neither (util/unicode.c).
_NO_CHARACTER = re.compile(
    "[\ud800-\udfff\ufdd0-\ufdef"
    + "".join(chr(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF))
    + "]"
)


def read_json(text: str) -> dict[str, Any]:
    """An object. Raises ``UnreadableError`` with the reason, also for a key that is there twice."""
    import json

    try:
        value = json.loads(_standard(text), object_pairs_hook=_object, parse_constant=_constant)
    except UnreadableError:
        raise
    except RecursionError:
        raise UnreadableError("JSON that is nested too deep") from None
    except ValueError as error:
        raise UnreadableError(f"JSON that does not parse: {error}") from None
    if not isinstance(value, dict):
        raise UnreadableError("JSON, but no object")
    return value


def write_json(values: dict[str, Any], *, single_quoted: bool = False) -> str:
    """Compact JSON, as QEMU's documentation and libvirt's own log write it; in QEMU's single quotes where asked."""
    import json

    text = json.dumps(values, separators=(",", ":"), ensure_ascii=False)
    return _STRING.sub(_to_single, text) if single_quoted else text


def is_single_quoted(text: str) -> bool:
    """Whether the first string of a JSON text has single quotes."""
    match = _STRING.search(text)
    return match is not None and match[0].startswith("'")


def _standard(text: str) -> str:
    """The text with its single-quoted strings in double quotes."""
    if "'" not in text:
        return text
    parts, position = [], 0
    for match in _STRING.finditer(text):
        between = text[position : match.start()]
        if "'" in between or '"' in between:
            break
        string = match[0]
        parts += [between, f'"{_SINGLE.sub(_escape, string[1:-1])}"' if string[0] == "'" else _apostrophes(string)]
        position = match.end()
    return "".join([*parts, text[position:]])


def _apostrophes(string: str) -> str:
    return _SINGLE.sub(lambda match: "'" if match[0] == "\\'" else match[0], string[1:-1]).join('""')


def _escape(match: re.Match[str]) -> str:
    return {"\\'": "'", '"': '\\"'}.get(match[0], match[0])


def _to_single(match: re.Match[str]) -> str:
    inside = match[0][1:-1].replace('\\"', '"').replace("'", "\\'")
    return f"'{inside}'"


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        doubled = next(name for name in found if names.count(name) > 1)
        raise UnreadableError(f'JSON with the key "{doubled}" twice')
    if any(_NO_CHARACTER.search(part) for pair in pairs for part in pair if isinstance(part, str)):
        raise UnreadableError("JSON with half a character, or what Unicode has no character for")
    return found


def _constant(word: str) -> Any:
    raise UnreadableError(f"JSON with {word}")
