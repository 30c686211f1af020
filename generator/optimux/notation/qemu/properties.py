"""The value of one option: JSON, or ``key=value,…`` in either of QEMU's two grammars.

``-device``, ``-drive``, ``-acpitable`` and their like go through QemuOpts (util/qemu-option.c): a bare word is a flag,
``noX`` means ``X=off``, the first ``id`` counts and the last of all other keys. ``-object`` and its like go through
keyval (util/keyval.c): each word but the first needs its ``=``. In both a doubled comma is one that is meant.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from optimux.notation.qemu.errors import UnreadableError
from optimux.notation.qemu.json_text import is_single_quoted, read_json, write_json
from optimux.notation.qemu.numbers import read_size

# The key that the first word of an option's value may leave out, "" where there is none.
IMPLIED = {
    "acpitable": "data",
    "audiodev": "driver",
    "blockdev": "driver",
    "chardev": "backend",
    "device": "driver",
    "drive": "",
    "machine": "type",
    "M": "type",
    "m": "size",
    "memory": "size",
    "netdev": "type",
    "object": "qom-type",
    "smbios": "",
    "tpmdev": "type",
}
_KEYVAL = ("audiodev", "blockdev", "machine", "M", "netdev", "object")
_JSON = ("audiodev", "blockdev", "device", "netdev", "object")
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_ON, _OFF = ("on", "yes", "true", "y"), ("off", "no", "false", "n")


class _Piece(NamedTuple):
    """What stands between two commas: its key, its text, and the value that QEMU reads. ``bare``: without its key."""

    key: str
    text: str
    value: str
    bare: bool = False


class Properties:
    """Keys and values, in the order and the form in which they stand. Values are text, in JSON of any type."""

    def __init__(self, option: str, text: str) -> None:
        """Raises ``UnreadableError`` for what QEMU refuses."""
        self.option = option
        self.is_json = option in _JSON and text.startswith("{")
        self._text = text
        self._pieces = [] if self.is_json else [self._piece(*numbered) for numbered in enumerate(_split(text))]
        self.values: dict[str, Any] = read_json(text) if self.is_json else self._of_pieces()

    def _of_pieces(self) -> dict[str, str]:
        values: dict[str, str] = {}
        for piece in self._pieces:
            if piece.key != "id" or "id" not in values or self.option in _KEYVAL:
                values[piece.key] = piece.value
        return values

    def _piece(self, number: int, text: str) -> _Piece:
        name, equals, value = text.partition("=")
        if equals and "," not in name:
            if self.option in _KEYVAL and not _KEY.fullmatch(name):
                raise UnreadableError(f'"{name}" is no name of a property')
            return _Piece(name, text, value.replace(",,", ","))
        if number == 0 and (implied := IMPLIED.get(self.option)):
            return _Piece(implied, text, text.replace(",,", ","), bare=True)
        if self.option in _KEYVAL:
            raise UnreadableError(f'"{text}" without a value')
        return _Piece(text[2:], text, "off") if text.startswith("no") else _Piece(text, text, "on")

    def get(self, key: str) -> str:
        """A value as text; empty where the key is missing."""
        return _word(self.values.get(key, ""))

    def size(self, key: str) -> int | None:
        """A size in bytes, ``None`` where it is missing or unreadable."""
        value = self.values.get(key)
        if self.is_json:
            return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
        return read_size(value) if value is not None else None

    def says(self, key: str, value: object) -> bool:
        """Whether QEMU reads ``value`` there, however it is spelled."""
        if key not in self.values:
            return False
        if isinstance(value, bool):
            return self.get(key) in (_ON if value else _OFF)
        return self.get(key) == _word(value)

    def set(self, key: str, value: object) -> bool:
        """Give a key its value; whether that changed something."""
        if self.says(key, value):
            return False
        self.values[key] = value if self.is_json else _word(value)
        if not self.is_json:
            self._set_piece(key, _word(value))
        return True

    def _set_piece(self, key: str, value: str) -> None:
        places = [number for number, piece in enumerate(self._pieces) if piece.key == key]
        written = escaped(value)
        if not places:
            self._pieces.append(_Piece(key, f"{key}={written}", value))
            return
        place = places[0 if key == "id" else -1]
        bare = self._pieces[place].bare and "=" not in written
        self._pieces[place] = _Piece(key, written if bare else f"{key}={written}", value, bare)

    def unset(self, key: str) -> bool:
        """Remove a key; whether it was there."""
        self._pieces = [piece for piece in self._pieces if piece.key != key]
        return self.values.pop(key, None) is not None

    def written(self) -> str:
        """The option's value, in its own form; what was not changed keeps its spelling."""
        if self.is_json:
            return write_json(self.values, single_quoted=is_single_quoted(self._text))
        return ",".join(piece.text for piece in self._pieces)


def escaped(value: str) -> str:
    """A value as it stands between the commas of an option string."""
    return value.replace(",", ",,")


def _split(text: str) -> list[str]:
    """The pieces between single commas; QEMU takes one comma too many at the end."""
    pieces = [part.replace("\0", ",,") for part in text.replace(",,", "\0").split(",")]
    return pieces[:-1] if len(pieces) > 1 and not pieces[-1] else pieces


def _word(value: Any) -> str:
    """A value as the key=value form has it."""
    return ("on" if value else "off") if isinstance(value, bool) else str(value)
