"""The option set as a reference page, from the model alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from optimux.declare import Declared, Kind, ListOf, MapOf, Option, Overrides, Table
from optimux.patch_keys import fate_of

Row = tuple[str, Option]
_VM = "vms.<name>."


def markdown(table: type[Declared]) -> str:
    """One heading a table of options, one entry an option, in the model's order."""
    lines = [
        "# Options",
        "",
        "The same keys in TOML, JSON and Nix. A key without a default must be given; null means that the key may be "
        "left out, and the text says what happens then.",
        "",
    ]
    for path, declared in rows(table):
        lines += _entry(path, declared)
    return "\n".join(lines)


def rows(table: type[Declared], prefix: str = "") -> Iterator[Row]:
    """Every option with its path, depth first; ``<name>`` and ``[]`` stand for keys of the user's and positions."""
    for declared in table.options:
        path = f"{prefix}{declared.key}"
        yield path, declared
        kind: Kind[Any] = declared.kind
        while isinstance(kind, ListOf | MapOf):
            path += "[]" if isinstance(kind, ListOf) else ".<name>"
            kind = kind.item
        if isinstance(kind, Table):
            yield from rows(kind.table, f"{path}.")


def _entry(path: str, declared: Option) -> list[str]:
    level = "##" if "." not in path else "###"
    lines = [f"{level} `{path}`", "", declared.doc, "", f"- Allowed: {_allowed(declared)}"]
    if declared.unit:
        lines.append(f"- Unit: {declared.unit}")
    if not declared.required:
        lines.append(f"- Default: {_default(declared)}")
    if declared.example is not None:
        lines.append(f"- Example: `{_plain(declared.example)}`")
    if path.startswith(_VM):
        lines.append(f"- `patch`: {_patched(path.removeprefix(_VM))}")
    return [*lines, ""]


def _patched(path: str) -> str:
    """What becomes of the key where the domain exists already."""
    fate = fate_of(path)
    if fate.kind == "concern":
        return f"by `{fate.word}`"
    return f"not applied, {fate.word}" if fate.kind == "left" else "no part of a domain's XML"


def _allowed(declared: Option) -> str:
    allowed = declared.kind.allowed
    if isinstance(declared.kind, Overrides):
        allowed = "a table with any of the keys of lookingGlass"
    return allowed + (", or null" if declared.nullable else "")


def _default(declared: Option) -> str:
    if declared.nullable:
        return "null"
    written = declared.written_default
    return "the defaults below" if written == {} and isinstance(declared.kind, Table) else f"`{_plain(written)}`"


def _plain(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
