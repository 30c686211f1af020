"""From a trusted start to a folder, step by step: every link is read, judged and followed by us, none by the kernel."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from optimux.files.directory import Directory, opened
from optimux.files.trust import guards, judge, may_follow

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_LINKS = 40  # as the kernel has it (path_resolution(7))


def reach(path: Path, *, make: bool = False, top: Directory | None = None, guarded: bool | None = None) -> Directory:
    """The folder at ``path``; with ``make`` it and its parents are made where they are missing.

    Below ``top`` absolute paths, absolute links and ``..`` stay in it. Raises ``Untrusted`` for root where another user
    could change the path (unless ``guarded`` is false: for reading), else ``OSError``.
    """
    with _Walk(top, make, guarded) as walk:
        walk.go(_absolute(path, top))
        return walk.end()


def locate(
    path: Path, *, make: bool = False, top: Directory | None = None, guarded: bool | None = None
) -> tuple[Directory, str]:
    """The folder that holds ``path``, and its name there, which may be missing and is no link. Else as ``reach``."""
    with _Walk(top, make, guarded) as walk:
        name = walk.go(_absolute(path, top), to_a_name=True)
        return walk.end(), name


def _absolute(path: Path, top: Directory | None) -> str:
    return str(path) if top else os.path.join(os.getcwd(), path)


class _Walk:
    """The folders from the top down to where we are, all open."""

    def __init__(self, top: Directory | None, make: bool, guarded: bool | None) -> None:
        self._way = [top.again() if top else Directory(opened("/"), Path("/"))]
        self._make, self._links = make, 0
        self._guarded = guards() if guarded is None else guarded

    def __enter__(self) -> _Walk:
        return self

    def __exit__(self, *_: object) -> None:
        for folder in self._way:
            folder.close()

    def end(self) -> Directory:
        """Where the walk ended, no longer closed with it."""
        folder = self._way.pop()
        if self._guarded:
            judge(folder.path, folder.status(), "", None)
        return folder

    def go(self, path: str, *, to_a_name: bool = False) -> str:
        """Walk; the last name where one is wanted, which is not entered."""
        ahead = list(_parts(path))
        while ahead:
            name = ahead.pop()
            if name == "..":
                self._up()
            elif self._is_link(name):
                ahead += self._target(name)
            elif to_a_name and not ahead:
                return name
            else:
                self._way.append(self._enter(name))
        return self._step_back() if to_a_name else ""

    def _up(self) -> None:
        if len(self._way) > 1:
            self._way.pop().close()

    def _step_back(self) -> str:
        """A path that ends in ``..`` or at the top has no last name of its own."""
        if len(self._way) == 1:
            return "."
        name = self._way[-1].path.name
        self._up()
        return name

    def _is_link(self, name: str) -> bool:
        here = self._way[-1]
        entry = here.entry(name)
        if self._guarded:
            judge(here.path, here.status(), name, entry)
        if entry is None or not stat.S_ISLNK(entry.st_mode):
            return False
        self._links += 1
        if self._links > _MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(here.path / name))
        if not may_follow(here.status(), entry):
            raise OSError(
                errno.EACCES, "a link of another user in a folder that everybody may write to", str(here.path / name)
            )
        return True

    def _target(self, name: str) -> Iterator[str]:
        target = os.readlink(name, dir_fd=self._way[-1].descriptor)
        if target.startswith("/"):
            while len(self._way) > 1:
                self._up()
        return _parts(target)

    def _enter(self, name: str) -> Directory:
        here = self._way[-1]
        try:
            return here.make_or_open(name) if self._make and here.entry(name) is None else here.folder(name)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(here.path / name)) from None


def _parts(path: str) -> Iterator[str]:
    """Names, the first one last."""
    return (part for part in reversed(path.split("/")) if part not in ("", "."))
