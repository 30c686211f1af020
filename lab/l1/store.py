"""A closure of a Nix store as machines have it: under names that depend on nothing but what is in the paths.

The store lies in another folder in each run, and its own names also tell how a path was made: with any change of the
checkout each of them is another one. The checkout's code is not in it, but where every machine has it.
"""

from __future__ import annotations

import hashlib
import sys
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING

from lab.l1.code import CODE

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

THERE = "/nix/store"
# What tells the checkout from other paths, and the package that is built of it.
_CHECKOUT, _PACKAGE = "lab", "lib/optimux"
_PYTHON = "/usr/bin/python3"
_OWN = "/var/tmp/optimux"  # a run's other files, which no machine has
_ITSELF = "\0itself\0"


class Store:
    """The files of a closure, in ``folder`` under the names that they have in ``THERE``."""

    def __init__(self, closure: Iterable[Path], own: Path, folder: Path) -> None:
        """``own`` is the folder of this run, with the store and more; ``folder`` is created."""
        self.folder, self._own = folder, own
        self._places: dict[str, str] = {sys.executable: _PYTHON}
        folder.mkdir()
        for path in _in_order([*closure]):
            self._put(path)

    @property
    def names(self) -> tuple[str, ...]:
        """Those of all paths, which stand for all that is in them."""
        return tuple(sorted(path.name for path in self.folder.iterdir()))

    def text(self, text: str) -> str:
        """With the places that a machine has."""
        for here, there in (*self._places.items(), (str(self._own), _OWN)):
            text = text.replace(here, there)
        return text

    def here(self, path: str) -> Path:
        """Where a file that machines have is on this one."""
        return self.folder / path.removeprefix(f"{THERE}/")

    def _put(self, path: Path) -> None:
        if (path / _CHECKOUT).is_dir():
            self._places[str(path)] = CODE
            return
        if (path / _PACKAGE).is_dir():
            self._places[f"{path}/lib"] = f"{CODE}/generator"
        self._places[str(path)] = _ITSELF
        files = {file: self._content(file) for file in _files(path)}
        digest = hashlib.sha256()
        for file, content in files.items():
            digest.update(f"{file.relative_to(path)} {_executable(file)} {len(content)} ".encode() + content)
        name = f"{digest.hexdigest()[:32]}-{path.name.partition('-')[2]}"
        self._places[str(path)] = f"{THERE}/{name}"
        for file, content in files.items():
            target = self.folder / name / file.relative_to(path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.replace(_ITSELF.encode(), f"{THERE}/{name}".encode()))
            target.chmod(0o755 if _executable(file) else 0o644)

    def _content(self, file: Path) -> bytes:
        """As text of any encoding that has ASCII."""
        return self.text(file.read_bytes().decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")


def _executable(file: Path) -> bool:
    return bool(file.stat().st_mode & 0o100)


def _files(path: Path) -> list[Path]:
    """All of a path but the checkout's code."""
    if path.is_file() or (path / _CHECKOUT).is_dir():
        return [path] if path.is_file() else []
    found = (file for file in sorted(path.rglob("*")) if not file.is_relative_to(path / _PACKAGE))
    return [file for file in found if file.is_file()]


def _in_order(closure: list[Path]) -> Iterable[Path]:
    """Each path after those that it refers to, by the part of their names that only they have."""
    marks = {path: path.name.partition("-")[0].encode() for path in closure}
    refers = {}
    for path in closure:
        content = b"".join(file.read_bytes() for file in _files(path))
        refers[path] = [other for other, mark in marks.items() if other != path and mark in content]
    return TopologicalSorter(refers).static_order()
