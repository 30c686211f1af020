"""The modules of a tree, what they import, and the rooms of docs/architecture.md that they are in."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

CHECKOUT = Path(__file__).parent.parent
GENERATOR = CHECKOUT / "generator"
DOCUMENT = CHECKOUT / "docs" / "architecture.md"


def sight(document: str) -> dict[str, set[str]]:
    """The rooms that each room sees. A room is a part of Optimux (``plan``), or a part of one (``vm/qemu``).

    Raises ``ValueError`` for a document without the table, a row that is not understood, a room that stands twice, and
    one that sees what is no room above it: where each sees rooms above it alone there are no circles.
    """
    sees: dict[str, set[str]] = {}
    values: set[str] = set()
    for row in _rows(document):
        cells = row.strip("| ").split(" | ")
        names = re.findall(r"`([^`]+)`", cells[0])
        if len(cells) != 3 or not names:
            raise ValueError(f"not understood: {row}")
        values = values or set(names)
        words = {"values": values, "each other": set(names), "everything": set(sees)}
        seen = set()
        for word in re.sub(r" \([^)]*\)", "", cells[2]).split(", "):
            rooms = words.get(word, {word.strip("`")})
            if word != "each other" and not rooms <= sees.keys():
                raise ValueError(f"{names[0]} sees {word}, which is no room above it")
            seen |= rooms
        if twice := [name for name in names if name in sees or names.count(name) > 1]:
            raise ValueError(f"{twice[0]} stands twice")
        sees |= dict.fromkeys(names, seen)
    return sees


def _rows(document: str) -> list[str]:
    _, found, table = document.partition("| room | holds | sees |\n|---|---|---|\n")
    if not found:
        raise ValueError("no table of the rooms")
    return table.partition("\n\n")[0].splitlines()


SIGHT = sight(DOCUMENT.read_text(encoding="utf-8"))


def modules(root: Path, package: str = "optimux") -> Iterator[tuple[str, ast.Module]]:
    """Every module below ``root/package`` by its dotted name."""
    for path in sorted((root / package).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        yield name, _parsed(path.read_text(encoding="utf-8"))


_parsed = cache(ast.parse)  # each module is looked at for many things, and none of them changes it


@cache
def imports(name: str, tree: ast.Module) -> tuple[str, ...]:
    """What a module imports anywhere: at its top, in functions, for type checkers; relative names resolved."""
    return tuple(_imports(name, tree))


def _imports(name: str, tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = name.split(".")[: -node.level] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            # "from optimux import facts" imports a module of that name.
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def part(module: str) -> str | None:
    """The part of Optimux that a dotted name belongs to; ``None`` for the root, and for other packages."""
    names = module.split(".")
    return names[1] if names[0] == "optimux" and len(names) > 1 and not names[1].startswith("__") else None


def room(module: str, rooms: Mapping[str, object] = SIGHT) -> str | None:
    """The room that a dotted name is in: the innermost that the document has."""
    words = module.split(".")[1:]
    inside = ("/".join(words[:depth]) for depth in range(len(words), 0, -1))
    return next((name for name in inside if name in rooms), None)
