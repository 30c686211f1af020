"""The host's files below one folder: what is written there as root, and brought back as it was.

Every path is absolute as the host sees it. Below another folder than ``/`` links and ``..`` stay in it, so that a
mounted system is changed as if it were running.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from optimux.errors import OptimuxError
from optimux.files.atomic import put, put_back
from optimux.files.leftovers import clear
from optimux.files.replace import explained
from optimux.files.state import Metadata, State, look
from optimux.files.tree import Tree
from optimux.files.walk import locate, reach

if TYPE_CHECKING:
    from typing import Self

    from optimux.files.directory import Directory


class Root:
    """Use as a context manager. Raises ``OptimuxError``, for root also where another user could interfere."""

    def __init__(self, path: Path = Path("/")) -> None:
        """Open the folder, which must be there."""
        with explained(path, "opened"):
            self._top = reach(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._top.close()

    def look(self, path: str) -> State | None:
        """What lies there, for a backup; ``None`` for nothing, also where its folder is missing. Links are not followed
        at the end of the path.
        """
        with explained(self._shown(path), "read"):
            try:
                folder, name = self._parent(path)
            except FileNotFoundError:
                return None
            with folder:
                return look(folder, name)

    def folder(self, path: str, *, make: bool = False) -> Directory:
        """The folder itself, for a lock or a list of what lies in it."""
        with explained(self._shown(path), "opened"):
            return reach(Path(path), make=make, top=self._top)

    def missing_folders(self, path: str) -> tuple[str, ...]:
        """The folders that ``write`` would have to make for a file, outermost first."""
        with explained(self._shown(path), "read"):
            parents = [str(parent) for parent in PurePosixPath(path).parents][-2::-1]
            first = next((number for number, parent in enumerate(parents) if self._is_missing(parent)), len(parents))
            return tuple(parents[first:])

    def write(self, path: str, content: bytes, metadata: Metadata) -> tuple[str, ...]:
        """Replace or make a file in one step; the folders that had to be made, outermost first.

        Where it fails they go again.
        """
        with explained(self._shown(path)):
            missing = self.missing_folders(path)
            try:
                folder = reach(Path(path).parent, make=bool(missing), top=self._top)
                with folder:
                    put(folder, PurePosixPath(path).name, content, metadata)
            except BaseException:
                for made in reversed(missing):
                    with contextlib.suppress(OptimuxError):
                        self.remove_folder(made)
                raise
            return missing

    def restore(self, path: str, state: State | None) -> None:
        """Make what lies there ``state`` again: a file with everything that belongs to it, a link, or nothing."""
        with explained(self._shown(path), "restored"):
            try:
                folder, name = self._parent(path)
            except FileNotFoundError:
                if state is None:
                    return
                raise
            with folder:
                put_back(folder, name, state)

    def remove(self, path: str) -> None:
        """Remove a file or a link; one that has gone already is none the worse."""
        self.restore(path, None)

    def clear(self, path: str) -> None:
        """Remove what a run that was killed left beside it, unfinished."""
        with explained(self._shown(path), "read"):
            try:
                folder, _ = self._parent(path)
            except FileNotFoundError:
                return
            with folder:
                clear(folder)

    def remove_folder(self, path: str) -> bool:
        """Whether a folder that ``write`` made is gone again; one that holds something stays."""
        with explained(self._shown(path), "removed"):
            try:
                folder, name = self._parent(path)
            except FileNotFoundError:
                return True
            with Tree(folder) as tree:
                return tree.remove_if_empty(name)

    def _parent(self, path: str) -> tuple[Directory, str]:
        """The folder that holds it; the last name itself is not followed."""
        inner = PurePosixPath(path)
        return reach(Path(str(inner.parent)), top=self._top), inner.name

    def _is_missing(self, path: str) -> bool:
        folder, name = locate(Path(path), top=self._top)
        with folder:
            return folder.entry(name) is None

    def _shown(self, path: str) -> Path:
        return Path(os.path.normpath(f"{self._top.path}/{path}"))
