"""A folder and those below it, each opened once and without following a link."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from optimux.files.directory import Directory
from optimux.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self


class Entry(Record):
    """What lies at a path: the folder that holds it, its name there, and its status."""

    folder: Directory
    name: str
    status: os.stat_result

    @property
    def is_file(self) -> bool:
        """A plain one."""
        return stat.S_ISREG(self.status.st_mode)

    @property
    def is_folder(self) -> bool:
        """A folder, not a link to one."""
        return stat.S_ISDIR(self.status.st_mode)


class Tree:
    """Paths are relative, with slashes. Use as a context manager; ``top`` is closed with it."""

    def __init__(self, top: Directory) -> None:
        self.top = top
        self._open: dict[str, Directory] = {"": top}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for folder in self._open.values():
            folder.close()

    def entry(self, path: str) -> Entry | None:
        """What lies there; ``None`` for nothing, and where a parent is a link or no folder."""
        parent, _, name = path.rpartition("/")
        folder = self.folder(parent)
        status = folder.entry(name) if folder else None
        return Entry(folder, name, status) if folder and status else None

    def folder(self, path: str) -> Directory | None:
        """The folder there; ``None`` where there is none."""
        if path in self._open:
            return self._open[path]
        entry = self.entry(path)
        if entry is None or not entry.is_folder:
            return None
        self._open[path] = entry.folder.folder(entry.name)
        return self._open[path]

    def make(self, path: str, made: list[str] | None = None) -> Directory:
        """The folder there, made with its parents where missing, which adds them to ``made``. Raises ``OSError``."""
        if (known := self.folder(path)) is not None:
            return known
        parent, _, name = path.rpartition("/")
        self._open[path] = self.make(parent, made).make(name)
        if made is not None:
            made.append(path)
        return self._open[path]

    def remove_if_empty(self, path: str) -> bool:
        """Whether the folder there is gone now; one that holds something stays."""
        entry = self.entry(path)
        if entry is None or not entry.is_folder:
            return False
        try:
            os.rmdir(entry.name, dir_fd=entry.folder.descriptor)
        except OSError:
            return False
        if path in self._open:
            self._open.pop(path).close()
        return True

    def below(self, path: str = "") -> Iterator[tuple[str, Entry]]:
        """Everything below, parents first."""
        folder = self.folder(path)
        for name in folder.names() if folder else ():
            inner = f"{path}/{name}".lstrip("/")
            entry = self.entry(inner)
            if entry is not None:
                yield inner, entry
                if entry.is_folder:
                    yield from self.below(inner)
