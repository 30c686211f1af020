"""Faults that no test can notice, each with the reason: they are not drawn.

``tests/mutation/ROOM.toml`` has them as ``[[equivalent]]`` with ``path`` below the package, the text of the ``line``
without its indentation, the ``fault`` as a survivor is printed, and ``why``. A test fails for one that is none.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

from lab import CHECKOUT
from lab.mutation.mutants import Mutant

FOLDER = CHECKOUT / "tests" / "mutation"
_PACKAGE = CHECKOUT / "generator" / "optimux"
# The path, the line, the fault.
Key = tuple[str, str, str]


def entries(folder: Path = FOLDER) -> Iterator[dict[str, str]]:
    """What is written down, file by file."""
    for file in sorted(folder.glob("*.toml")):
        yield from tomllib.loads(file.read_text(encoding="utf-8"))["equivalent"]


def equivalents(folder: Path = FOLDER) -> frozenset[Key]:
    """The faults that are not drawn."""
    return frozenset((entry["path"], entry["line"], entry["fault"]) for entry in entries(folder))


def key_of(mutant: Mutant) -> Key:
    """By what a fault is found in the list, wherever its line has gone."""
    return str(mutant.path.relative_to(_PACKAGE)), mutant.text, mutant.fault
