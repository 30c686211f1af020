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

from optimux.bundle.compare import Comparison, compared
from optimux.bundle.index import INDEX, Index, is_inside, read_index
from optimux.bundle.place import merge_into, swap_in
from optimux.emit.artifact import Artifact
from optimux.errors import OptimuxError
from optimux.files import leftovers
from optimux.files.descriptors import make_room
from optimux.files.directory import Directory
from optimux.files.replace import explained
from optimux.files.state import read_all
from optimux.files.tree import Entry, Tree
from optimux.files.walk import locate, reach

LOCK_SECONDS = 10


def compare(artifacts: Sequence[Artifact], folder: Path) -> Comparison:
    """What writing ``artifacts`` to ``folder`` would do. Raises ``OptimuxError`` for a folder that cannot be read."""
    make_room(len(artifacts))
    with explained(folder, "read"):
        try:
            top = reach(folder, guarded=False)
        except FileNotFoundError:
            return compared(artifacts, None, Index({}, {}))
        with Tree(top) as tree:
            return compared(artifacts, tree, read_index(top))


def contents(folder: Path, paths: Sequence[str]) -> dict[str, bytes]:
    """The content of those paths that are plain files. Raises ``OptimuxError`` for one that cannot be read."""
    with explained(folder, "read"), contextlib.suppress(FileNotFoundError), Tree(reach(folder, guarded=False)) as tree:
        return {path: _content(entry) for path in paths if (entry := tree.entry(path)) and entry.is_file}
    return {}


def _content(entry: Entry) -> bytes:
    descriptor = entry.folder.open_file(entry.name)
    try:
        return read_all(descriptor)
    finally:
        os.close(descriptor)


def write(artifacts: Sequence[Artifact], folder: Path, *, force: bool = False) -> Comparison:
    """Make ``folder`` hold ``artifacts`` beside whatever else the user keeps there.

    Raises ``OptimuxError`` when files of the user's would be lost (unless ``force``), the folder cannot be written, or
    root would write where another user could interfere.
    """
    if astray := [artifact.path for artifact in artifacts if not is_inside(artifact.path)]:
        raise OptimuxError(f"{astray[0]!r} would lie outside of {folder}; nothing was written")
    make_room(len(artifacts))
    with explained(folder):
        parent, name = locate(folder, make=True)
        with parent, _locked(parent):
            leftovers.clear(parent)
            return _write(artifacts, parent, name, folder, force)


def _write(artifacts: Sequence[Artifact], parent: Directory, name: str, shown: Path, force: bool) -> Comparison:
    entry = parent.entry(name)
    if entry is None:
        swap_in(artifacts, parent, name, None)
        return compared(artifacts, None, Index({}, {}))
    if not stat.S_ISDIR(entry.st_mode):
        raise OptimuxError(f"{shown} is no folder. Choose another -o, or move it away.")
    # By the walk's rule for the folder itself too: what is in it may be ours only if others cannot exchange it.
    with Tree(reach(Path(name), top=parent)) as tree:
        return _update(artifacts, parent, name, shown, force, tree)


def _update(
    artifacts: Sequence[Artifact], parent: Directory, name: str, shown: Path, force: bool, tree: Tree
) -> Comparison:
    leftovers.clear(tree.top)
    index = read_index(tree.top)
    comparison = compared(artifacts, tree, index)
    _refuse(shown, comparison, force)
    if comparison.is_current and tree.entry(INDEX) and not index.replaced:
        return comparison
    if not (_may_swap(parent, tree, index) and swap_in(artifacts, parent, name, tree.top)):
        merge_into(artifacts, tree, index, comparison.obsolete)
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


def _may_swap(parent: Directory, tree: Tree, index: Index) -> bool:
    """Whether the whole folder can be exchanged: nobody else's files are in it, and nobody stands in it."""
    may_write = os.access(f"/proc/self/fd/{parent.descriptor}", os.W_OK | os.X_OK)
    if not may_write or _is_mounted(parent, tree.top) or _is_working_folder(tree):
        return False
    files = {INDEX, *index.paths}
    folders = {"/".join(path.split("/")[:depth]) for path in files for depth in range(1, path.count("/") + 1)}
    return all(path in (folders if entry.is_folder else files) for path, entry in tree.below())


def _is_mounted(parent: Directory, folder: Directory) -> bool:
    """Also for a folder that is bound to another place of the same file system; and for the top, its own parent."""
    above, own = parent.status(), folder.status()
    return (above.st_dev, above.st_ino) == (own.st_dev, own.st_ino) or os.path.ismount(folder.path)


def _is_working_folder(tree: Tree) -> bool:
    """A shell that stands in an exchanged folder would see the old one."""
    try:
        return Path.cwd().is_relative_to(tree.top.path)
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def _locked(parent: Directory) -> Iterator[None]:
    """One writer at a time below ``parent``; file systems without locks, and unreadable parents, go without."""
    deadline = time.monotonic() + LOCK_SECONDS
    while leftovers.try_lock(parent.descriptor) is False:
        if time.monotonic() > deadline:
            raise OptimuxError(f"another program has {parent.path} locked for {LOCK_SECONDS} s. Try again.")
        time.sleep(0.02)
    yield
