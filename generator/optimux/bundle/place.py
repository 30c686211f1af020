"""Two ways to bring a bundle into its folder: exchange the whole folder, or place file by file.

The exchange is one step for every observer. It is only for folders that hold nothing but ours: a user's files would
have to be copied and the originals removed, which breaks what is open, mounted or linked there.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from optimux.bundle.index import INDEX, Index, digest
from optimux.emit.artifact import Artifact

STAGING = ".optimux-new"


def swap_in(artifacts: Sequence[Artifact], folder: Path) -> bool:
    """Build the new folder beside the old one, then swap the two in one step; false where the system cannot."""
    staging = folder.parent / f".{folder.name}{STAGING}"
    shutil.rmtree(staging, ignore_errors=True)  # of a run that was killed
    try:
        _stage(artifacts, staging)
        _place(staging / INDEX, _index_of(artifacts).encoded(), 0o644)
        if folder.exists():
            _take_over_owner(folder, staging)
            return exchange(staging, folder)
        staging.rename(folder)
        return True
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def merge_into(artifacts: Sequence[Artifact], folder: Path, index: Index, obsolete: Sequence[str]) -> None:
    """Place file by file beside the user's own; an error takes back what was done.

    Everything is written to a folder within before the first file moves, so that only a kill within those few renames
    leaves a mixture. The index then knows both sides, and the next run finishes the work.
    """
    staging = folder / STAGING
    shutil.rmtree(staging, ignore_errors=True)
    done = _Undo(folder, staging / "old")
    try:
        _stage(artifacts, staging / "new")
        new = _index_of(artifacts)
        both = Index(new.files, {path: index.digests_of(path) for path in index.paths})
        _place(staging / "both", both.encoded(), 0o644)
        _place(staging / "index", new.encoded(), 0o644)
        done.replace(staging / "both", INDEX)
        for artifact in artifacts:
            done.replace(staging / "new" / artifact.path, artifact.path)
        for path in obsolete:
            done.remove(path)
        (staging / "index").replace(folder / INDEX)
    except BaseException:
        done.take_back()
        raise
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    _remove_empty(folder, obsolete)


class _Undo:
    """Steps within a folder, each of which can be taken back."""

    def __init__(self, folder: Path, old: Path) -> None:
        self._folder = folder
        self._old = old
        self._files: list[tuple[Path, Path | None]] = []
        self._folders: list[Path] = []

    def replace(self, source: Path, path: str) -> None:
        target = self._folder / path
        for parent in reversed(target.relative_to(self._folder).parents):
            if not (self._folder / parent).exists():
                (self._folder / parent).mkdir(mode=0o755)
                self._folders.append(self._folder / parent)
        self._files.append((target, self._keep(target, path)))
        source.replace(target)

    def remove(self, path: str) -> None:
        target = self._folder / path
        self._files.append((target, self._keep(target, path)))
        target.unlink()

    def _keep(self, target: Path, path: str) -> Path | None:
        if not os.path.lexists(target):
            return None
        kept = self._old / path
        _make_folders(kept.parent)
        shutil.copy2(target, kept, follow_symlinks=False)
        return kept

    def take_back(self) -> None:
        for target, kept in reversed(self._files):
            if kept is None:
                target.unlink(missing_ok=True)
            else:
                kept.replace(target)
        for folder in reversed(self._folders):
            folder.rmdir()


def exchange(staging: Path, folder: Path) -> bool:
    """Swap two folders by renameat2(2) with RENAME_EXCHANGE; false where libc, kernel or file system lack it."""
    import ctypes

    at_fdcwd, rename_exchange = -100, 2
    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    if rename is None:
        return False
    return bool(rename(at_fdcwd, os.fsencode(staging), at_fdcwd, os.fsencode(folder), rename_exchange) == 0)


def _stage(artifacts: Sequence[Artifact], staging: Path) -> None:
    for artifact in artifacts:
        _place(staging / artifact.path, artifact.content, artifact.mode)


def _place(path: Path, content: bytes, mode: int) -> None:
    """A new file; nobody else sees it before its permissions are set."""
    _make_folders(path.parent)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        os.fchmod(file.fileno(), mode)


def _make_folders(folder: Path) -> None:
    """With parents, never writable for others, whatever the umask: what lies there is installed by root."""
    if not folder.is_dir():
        _make_folders(folder.parent)
        folder.mkdir(mode=0o755)


def _take_over_owner(folder: Path, staging: Path) -> None:
    """Permissions, and where root writes for somebody, the owner."""
    seen = folder.stat()
    if (seen.st_uid, seen.st_gid) != (staging.stat().st_uid, staging.stat().st_gid):
        with contextlib.suppress(PermissionError):
            os.chown(staging, seen.st_uid, seen.st_gid)
    shutil.copymode(folder, staging)


def _remove_empty(folder: Path, paths: Iterable[str]) -> None:
    for path in paths:
        for parent in (folder / path).parents:
            if parent == folder or (parent.exists() and any(parent.iterdir())):
                break
            if parent.exists():
                parent.rmdir()


def _index_of(artifacts: Sequence[Artifact]) -> Index:
    return Index({artifact.path: digest(artifact.content) for artifact in artifacts}, {})
