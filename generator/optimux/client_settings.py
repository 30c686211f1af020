"""What the Looking Glass client can be told, by release: ``looking_glass.toml``, read only when something needs it."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from optimux.record import Record
from optimux.shipped import shipped_table

Value = str | int | bool
_NUMBER = r"-?[0-9]{1,9}(\.[0-9]{1,9})?"
_INT = range(-(2**31), 2**31)  # the client keeps numbers in a C int and wraps the rest


class Setting(Record):
    """One key of one release. ``default`` gives the type, ``choices`` (when any) all that is allowed."""

    section: str
    key: str
    default: str | int | float | bool
    choices: tuple[str | int, ...] = ()
    least: int = _INT[0]
    most: int = _INT[-1]
    pattern: str | None = None
    says: str = ""

    @property
    def name(self) -> str:
        """As the client's own help writes it."""
        return f"{self.section}:{self.key}"

    def accepts(self, value: Value) -> bool:
        """Whether the client takes ``value`` as the user means it. It reads wrong truth values and numbers as 0."""
        if isinstance(self.default, bool) or isinstance(value, bool):
            return isinstance(self.default, bool) and isinstance(value, bool)
        if self.choices:
            return _folded(value) in {_folded(choice) for choice in self.choices}
        if isinstance(value, int):
            return not isinstance(self.default, str) and self.least <= value <= self.most
        if isinstance(self.default, float):
            return re.fullmatch(_NUMBER, value) is not None
        return self._accepts_text(value)

    def _accepts_text(self, text: str) -> bool:
        """The client drops every byte outside ASCII and cannot read an empty value."""
        if not text.strip() or not (text.isascii() and text.isprintable()):
            return False
        if self.pattern is not None:
            return re.fullmatch(self.pattern, text) is not None
        return isinstance(self.default, str)

    @property
    def allowed(self) -> str:
        """What ``accepts`` takes, in words."""
        if isinstance(self.default, bool):
            return "true or false"
        if self.choices:
            return "one of " + ", ".join(f'"{word}"' if isinstance(word, str) else str(word) for word in self.choices)
        if isinstance(self.default, int):
            return self._numbers + (f", or {self.says}" if self.says else "")
        if isinstance(self.default, float):
            return 'a number, with decimals in quotes ("0.5")'
        return self.says or "a text in ASCII that is not empty"

    @property
    def _numbers(self) -> str:
        if self.most == _INT[-1]:
            return "a whole number" + (f" from {self.least}" if self.least != _INT[0] else "")
        return f"a whole number from {self.least} to {self.most}"


def _folded(value: str | int) -> str | int:
    return value.casefold() if isinstance(value, str) else value


@cache
def _table() -> dict[str, dict[str, dict[str, Any]]]:
    return shipped_table("looking_glass.toml")


def _setting(section: str, key: str, entry: Any) -> Setting:
    if isinstance(entry, list):
        return Setting(section, key, entry[0], tuple(entry))
    return Setting(section, key, **entry) if isinstance(entry, dict) else Setting(section, key, entry)


@cache
def client_settings(release: str) -> dict[str, Setting]:
    """Every key of a release, ``"b7"`` or ``"idd"``, by ``section:key`` in small letters: the client folds case."""
    table = _table()
    known: dict[str, Setting] = {}
    for part in (table["both"], table[release]):
        for section, keys in part.items():
            known |= {f"{section}:{key}".lower(): _setting(section, key, entry) for key, entry in keys.items()}
    return known


def counterpart(name: str, release: str) -> str | None:
    """The name in ``release`` of a key that only the other release knows, or ``None``. ``name`` is in small letters."""
    renamed: dict[str, Any] = _table()["renamed"]
    pairs = renamed if release == "idd" else {new: old for old, new in renamed.items()}
    return {old.lower(): new for old, new in pairs.items()}.get(name)
