"""Two ways to bring a bundle into its folder: exchange the whole folder, or place file by file.

The exchange is one step for every observer. It is only for folders that hold nothing but ours: a user's files would
have to be copied and the originals removed, which breaks what is open, mounted or linked there.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from optimux.bundle.index import INDEX, Index, digest
from optimux.emit.artifact import Artifact
from optimux.files import renames
from optimux.files.atomic import create, exchange_by_copy, remove
from optimux.files.flush import flush
from optimux.files.staging import Staging
from optimux.files.state import Metadata, metadata_of, set_metadata
from optimux.files.tree import Tree

if TYPE_CHECKING:
    from optimux.files.directory import Directory

NEW, OLD = "new", "old"


def swap_in(artifacts: Sequence[Artifact], parent: Directory, name: str, present: Directory | None) -> bool:
    """Build the new folder beside the old one, then swap the two in one step; false where the system cannot."""
    with Staging(parent) as staging:
        with Tree(staging.folder.make(NEW)) as tree:
            _build(artifacts, tree)
            if present is not None:
                set_metadata(tree.top.descriptor, metadata_of(present.descriptor).replace(times=None))
        if present is None:
            renames.take(staging.folder, NEW, parent, name)
        elif not renames.exchange(staging.folder, NEW, parent, name):
            return False
        try:
            parent.sync()
        except BaseException:
            if present is None:
                renames.take(parent, name, staging.folder, NEW)
            else:
                renames.exchange(staging.folder, NEW, parent, name)
            raise
        return True


def merge_into(artifacts: Sequence[Artifact], tree: Tree, index: Index, obsolete: Sequence[str]) -> None:
    """Place file by file beside the user's own; an error takes back what was done.

    Everything is written to a folder within before the first file moves, so that only a kill within those few renames
    leaves a mixture. The index then knows both sides, and the next run finishes the work.
    """
    with Staging(tree.top) as staging, Tree(staging.folder.make(NEW)) as new, Tree(staging.folder.make(OLD)) as old:
        _build(artifacts, new)
        both = Index(_index_of(artifacts).files, {path: index.digests_of(path) for path in index.paths})
        _create(old, [Artifact(INDEX, both.encoded())])
        done = _Undo(tree)
        try:
            done.replace(old, INDEX)
            for artifact in artifacts:
                done.replace(new, artifact.path)
            for path in obsolete:
                done.remove(path, old)
            done.sync()
            renames.replace(new.top, INDEX, tree.top, INDEX)  # after which nothing is taken back
        except BaseException:
            done.take_back()
            raise
    _remove_empty(tree, obsolete)


class _Undo:
    """Steps within a folder, each of which can be taken back: what was replaced lies where the new file was."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._steps: list[tuple[Directory, str, Directory | None]] = []
        self._folders: list[str] = []

    def replace(self, source: Tree, path: str) -> None:
        """Move a file of the staging folder to its place."""
        parent, _, name = path.rpartition("/")
        target = self._tree.make(parent, self._folders)
        staged = source.folder(parent)
        assert staged is not None, "it was built there"
        if target.entry(name) is None:
            renames.take(staged, name, target, name)
            self._steps.append((target, name, None))
            return
        if not renames.exchange(staged, name, target, name):
            exchange_by_copy(staged, target, name)
        self._steps.append((target, name, staged))

    def remove(self, path: str, old: Tree) -> None:
        """Move a file of the folder to the staging folder."""
        entry = self._tree.entry(path)
        if entry is None:
            return
        kept = old.make(path.rpartition("/")[0])
        renames.take(entry.folder, entry.name, kept, entry.name)
        self._steps.append((entry.folder, entry.name, kept))

    def take_back(self) -> None:
        """Undo every step, the last one first."""
        for folder, name, kept in reversed(self._steps):
            if kept is None:
                remove(folder, name)
            else:
                renames.replace(kept, name, folder, name)
        for path in reversed(self._folders):
            self._tree.remove_if_empty(path)

    def sync(self) -> None:
        """The new names are on the disk afterwards."""
        for folder in {folder.descriptor: folder for folder, _, _ in self._steps}.values():
            folder.sync()


def _build(artifacts: Sequence[Artifact], tree: Tree) -> None:
    """All files and the index, on the disk."""
    _create(tree, [*artifacts, Artifact(INDEX, _index_of(artifacts).encoded())])


def _create(tree: Tree, artifacts: Sequence[Artifact]) -> None:
    descriptors: list[int] = []
    try:
        for artifact in artifacts:
            parent, _, name = artifact.path.rpartition("/")
            folder = tree.make(parent)
            descriptors.append(create(folder, name, artifact.content, Metadata(artifact.mode)))
        flush(descriptors)
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def _remove_empty(tree: Tree, paths: Iterable[str]) -> None:
    for path in paths:
        parts = path.split("/")[:-1]
        while parts and tree.remove_if_empty("/".join(parts)):
            parts.pop()


def _index_of(artifacts: Sequence[Artifact]) -> Index:
    return Index({artifact.path: digest(artifact.content) for artifact in artifacts}, {})
