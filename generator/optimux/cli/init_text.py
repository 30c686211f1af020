"""A proposed configuration as TOML, as Nix, and as the data that both say."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optimux.judge.propose import Entry

WIDTH = 118


def data_of(entries: Sequence[Entry]) -> dict[str, Any]:
    """The configuration as ``load`` takes it."""
    data: dict[str, Any] = {}
    for entry in entries:
        place = data
        *steps, last = (*entry.table.split("."), *entry.key.split("."))
        for step in steps:
            place = place.setdefault(step, {})
        place[last] = entry.value
    return data


def toml(entries: Sequence[Entry], head: Sequence[str]) -> str:
    """The whole file."""
    lines = [line for paragraph in head for line in _comment(paragraph)]
    table = None
    for entry in entries:
        if entry.table != table:
            table = entry.table
            lines += ["", f"[{table}]"]
        lines += _comment(entry.comment)
        lines += _assignment(entry.key, entry.value)
    return "\n".join(lines) + "\n"


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent="# ", subsequent_indent="# ", break_long_words=False)


def _assignment(key: str, value: Any) -> Iterator[str]:
    whole = f"{key} = {_value(value)}"
    if len(whole) <= WIDTH or not isinstance(value, list | dict):
        yield whole
    elif isinstance(value, list):
        yield f"{key} = ["
        yield from (f"  {_value(item)}," for item in value)
        yield "]"
    else:
        yield from (f"{key}.{_key(name)} = {_value(item)}" for name, item in value.items())


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(key)} = {_value(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    import json

    # A JSON string without surrogates is a TOML basic string; DEL alone must be escaped besides.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(key: str) -> str:
    return key if key.replace("-", "").replace("_", "").isalnum() and key.isascii() else _value(key)


def nix(entries: Sequence[Entry], head: Sequence[str]) -> str:
    """A NixOS module. What NixOS knows of itself (versions, tools, security module) is left to it."""
    from optimux.nix_text import bind, render_bindings
    from optimux.options.nix import FROM_CONFIG

    lines = [line for paragraph in head for line in _comment(paragraph)]
    known = [path for path in FROM_CONFIG if path != "host.cpuVendor"]
    bindings = [bind("virtualisation.optimux.enable", True)]
    bindings += [
        bind(f"virtualisation.optimux.{entry.table}.{entry.key}", _plain(entry.value), entry.comment)
        for entry in entries
        if f"{entry.table}.{entry.key}" not in known
    ]
    return "\n".join([*lines, "{", render_bindings(bindings, "  ").rstrip("\n"), "}"]) + "\n"


def _plain(value: Any) -> Any:
    """What the writer of Nix takes: attribute sets of its own, tuples for lists."""
    from optimux.nix_text import Attributes, Binding

    if isinstance(value, dict):
        return Attributes(tuple(Binding((key,), _plain(item)) for key, item in value.items()))
    return [_plain(item) for item in value] if isinstance(value, list) else value
