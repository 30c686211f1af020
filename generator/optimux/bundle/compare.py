"""A bundle against the folder that it would be written to."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Sequence
from typing import TYPE_CHECKING

from optimux.bundle.index import Index, digest
from optimux.emit.artifact import Artifact
from optimux.record import Record

if TYPE_CHECKING:
    from optimux.files.tree import Entry, Tree

_CHUNK = 1 << 20


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


class _Found(Record):
    """A file's SHA-256, ``None`` for anything else, which is never ours; and its permissions."""

    digest: str | None
    mode: int


def compared(artifacts: Sequence[Artifact], tree: Tree | None, index: Index) -> Comparison:
    """The comparison; ``tree`` is ``None`` for a folder that is not there."""
    made = {artifact.path: artifact for artifact in artifacts}
    if tree is None:
        return Comparison(tuple(made), (), (), (), ())
    blocking = {path: name for path in (*made, *index.paths) if (name := _blocking(tree, path))}
    known = [path for path in (*made, *(p for p in index.paths if p not in made)) if path not in blocking]
    present = {path: _found(entry) for path in known if (entry := tree.entry(path))}
    return Comparison(
        added=tuple(path for path in made if path not in present),
        changed=tuple(path for path in made if path in present and not _same(made[path], present[path])),
        obsolete=tuple(path for path in present if path not in made),
        foreign=tuple(path for path in present if _is_foreign(path, present[path].digest, made.get(path), index)),
        blocking=tuple(dict.fromkeys(blocking[path] for path in made if path in blocking)),
    )


def _is_foreign(path: str, found: str | None, artifact: Artifact | None, index: Index) -> bool:
    return not index.holds(path, found) and (artifact is None or found != digest(artifact.content))


def _blocking(tree: Tree, path: str) -> str | None:
    """What makes a path unreachable: a parent that is a link or no folder, or a folder in the file's own place."""
    parts = path.split("/")
    for depth in range(1, len(parts)):
        parent = "/".join(parts[:depth])
        entry = tree.entry(parent)
        if entry is None:
            return None
        if not entry.is_folder:
            return parent
    own = tree.entry(path)
    return path if own is not None and own.is_folder else None


def _same(artifact: Artifact, found: _Found) -> bool:
    return found.digest == digest(artifact.content) and found.mode == artifact.mode


def _found(entry: Entry) -> _Found:
    mode = stat.S_IMODE(entry.status.st_mode)
    if not entry.is_file:
        return _Found(None, mode)
    descriptor = entry.folder.open_file(entry.name)
    try:
        sum_ = hashlib.sha256()
        while chunk := os.read(descriptor, _CHUNK):
            sum_.update(chunk)
        return _Found(sum_.hexdigest(), mode)
    finally:
        os.close(descriptor)
