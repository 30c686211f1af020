"""Writing a bundle: the folder is complete or untouched, and nothing of the user's is lost.

A file that is not in the folder's index, or that was changed since, is the user's.
"""

from __future__ import annotations

import contextlib
import os
import stat
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from optimux.bundle.index import INDEX, Index, digest, is_inside, read_index
from optimux.bundle.place import merge_into, swap_in
from optimux.emit.artifact import Artifact
from optimux.errors import OptimuxError
from optimux.record import Record

LOCK_SECONDS = 10


class Comparison(Record):
    """A bundle against a folder: relative paths that are new, changed, no longer written, or the user's."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    obsolete: tuple[str, ...]
    foreign: tuple[str, ...]  # would be overwritten or removed, though the user wrote them
    blocking: tuple[str, ...]  # stand where a folder or a file of ours must be: links, files, folders

    @property
    def is_current(self) -> bool:
        """Whether writing would change nothing."""
        return not (self.added or self.changed or self.obsolete)


def compare(artifacts: Sequence[Artifact], folder: Path) -> Comparison:
    """What writing ``artifacts`` to ``folder`` would do. Raises ``OptimuxError`` for a folder that cannot be read."""
    with _explained(folder, "read"):
        return _compare(artifacts, folder, read_index(folder))


def _compare(artifacts: Sequence[Artifact], folder: Path, index: Index) -> Comparison:
    wanted = {artifact.path: artifact for artifact in artifacts}
    blocking = {path: name for path in (*wanted, *index.paths) if (name := _blocking(folder, path))}
    known = [path for path in (*wanted, *(p for p in index.paths if p not in wanted)) if path not in blocking]
    present = {path: _digest_of(folder / path) for path in known if os.path.lexists(folder / path)}
    return Comparison(
        added=tuple(path for path in wanted if path not in present),
        changed=tuple(path for path in wanted if path in present and not _same(wanted[path], folder, present[path])),
        obsolete=tuple(path for path in present if path not in wanted),
        foreign=tuple(path for path in present if _is_foreign(path, present[path], wanted.get(path), index)),
        blocking=tuple(dict.fromkeys(blocking[path] for path in wanted if path in blocking)),
    )


def _is_foreign(path: str, found: str | None, artifact: Artifact | None, index: Index) -> bool:
    return not index.holds(path, found) and (artifact is None or found != digest(artifact.content))


def _blocking(folder: Path, path: str) -> str | None:
    """What makes a path unreachable: a parent that is a link or no folder, or a folder in the file's own place."""
    parts = path.split("/")
    for depth in range(1, len(parts)):
        parent = folder.joinpath(*parts[:depth])
        if os.path.lexists(parent) and (parent.is_symlink() or not parent.is_dir()):
            return "/".join(parts[:depth])
    own = folder / path
    return path if own.is_dir() and not own.is_symlink() else None


def write(artifacts: Sequence[Artifact], folder: Path, *, force: bool = False) -> Comparison:
    """Make ``folder`` hold ``artifacts`` beside whatever else the user keeps there.

    Raises ``OptimuxError`` when files of the user's would be lost (unless ``force``) or the folder cannot be written.
    """
    if astray := [artifact.path for artifact in artifacts if not is_inside(artifact.path)]:
        raise OptimuxError(f"{astray[0]!r} would lie outside of {folder}; nothing was written")
    folder = Path(os.path.realpath(folder))
    if folder.exists() and not folder.is_dir():
        raise OptimuxError(f"{folder} is no folder. Choose another -o, or move it away.")
    with _explained(folder, "written"):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _locked(folder.parent):
            return _write(artifacts, folder, force)


def _write(artifacts: Sequence[Artifact], folder: Path, force: bool) -> Comparison:
    index = read_index(folder)
    comparison = _compare(artifacts, folder, index)
    _refuse(folder, comparison, force)
    if comparison.is_current and (folder / INDEX).exists() and not index.replaced:
        return comparison
    if not (_may_swap(folder, index) and swap_in(artifacts, folder)):
        merge_into(artifacts, folder, index, comparison.obsolete)
    return comparison


def _refuse(folder: Path, comparison: Comparison, force: bool) -> None:
    lost = comparison.blocking if force else (*comparison.foreign, *comparison.blocking)
    if lost:
        names = "\n".join(f"  {path}" for path in lost)
        way_out = "" if comparison.blocking else ", or overwrite them with --force"
        raise OptimuxError(
            f"{folder} holds files that Optimux did not write, or that were changed since:\n{names}\n"
            f"Nothing was written. Move them away, or choose another -o{way_out}."
        )


def _may_swap(folder: Path, index: Index) -> bool:
    """Whether the whole folder can be exchanged: nobody else's files are in it, and nobody stands in it."""
    if not folder.exists():
        return True
    if os.path.ismount(folder) or not os.access(folder.parent, os.W_OK | os.X_OK) or _is_working_folder(folder):
        return False
    files = {INDEX, *index.paths}
    folders = {"/".join(path.split("/")[:depth]) for path in files for depth in range(1, path.count("/") + 1)}
    for path in folder.rglob("*"):
        ours = folders if path.is_dir() and not path.is_symlink() else files
        if path.relative_to(folder).as_posix() not in ours:
            return False
    return True


def _is_working_folder(folder: Path) -> bool:
    """A shell that stands in an exchanged folder would see the old one."""
    try:
        return Path.cwd().is_relative_to(folder)
    except FileNotFoundError:
        return False


def _same(artifact: Artifact, folder: Path, found: str | None) -> bool:
    path = folder / artifact.path
    return found == digest(artifact.content) and stat.S_IMODE(path.stat().st_mode) == artifact.mode


def _digest_of(path: Path) -> str | None:
    """The SHA-256 of a plain file; ``None`` for anything else, which is never ours."""
    return digest(path.read_bytes()) if path.is_file() and not path.is_symlink() else None


@contextlib.contextmanager
def _locked(parent: Path) -> Iterator[None]:
    """One writer at a time below ``parent``; file systems without locks, and unreadable parents, go without."""
    try:
        descriptor = os.open(parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        yield
        return
    try:
        deadline = time.monotonic() + LOCK_SECONDS
        while not _lock(descriptor):
            if time.monotonic() > deadline:
                raise OptimuxError(f"another program has {parent} locked for {LOCK_SECONDS} s. Try again.")
            time.sleep(0.02)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


@contextlib.contextmanager
def _explained(folder: Path, verb: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        raise OptimuxError(f"{folder} cannot be {verb}: {error.strerror}{where}") from None
