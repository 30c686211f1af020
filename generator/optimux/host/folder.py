"""Writing a bundle: the folder is complete or untouched, and nothing of the user's is lost.

``.optimux.json`` in the folder holds the SHA-256 of each file that was written; a file that is not in it, or that was
changed since, is the user's.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from optimux.emit.artifact import Artifact
from optimux.errors import OptimuxError
from optimux.record import Record

INDEX = ".optimux.json"


class Comparison(Record):
    """A bundle against a folder: relative paths that are new, changed, no longer written, or the user's."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    obsolete: tuple[str, ...]
    foreign: tuple[str, ...]  # would be overwritten or removed, though the user wrote them

    @property
    def is_current(self) -> bool:
        """Whether writing would change nothing."""
        return not (self.added or self.changed or self.obsolete)


def compare(artifacts: Sequence[Artifact], folder: Path) -> Comparison:
    """What writing ``artifacts`` to ``folder`` would do. Raises ``OptimuxError`` for a folder that cannot be read."""
    with _explained(folder, "read"):
        index = _read_index(folder)
        wanted = {artifact.path: artifact for artifact in artifacts}
        present = {path: _digest_of(folder / path) for path in wanted | index if os.path.lexists(folder / path)}
        return Comparison(
            added=tuple(path for path in wanted if path not in present),
            changed=tuple(path for path in wanted if path in present and not _same(wanted[path], folder, present)),
            obsolete=tuple(path for path in index if path in present and path not in wanted),
            foreign=tuple(
                path
                for path, digest in present.items()
                if digest != index.get(path) and (path not in wanted or digest != _digest(wanted[path].content))
            ),
        )


def write(artifacts: Sequence[Artifact], folder: Path, *, force: bool = False) -> Comparison:
    """Make ``folder`` hold ``artifacts`` beside whatever else the user keeps there.

    Raises ``OptimuxError`` when files of the user's would be lost (unless ``force``) or the folder cannot be written.
    """
    folder = Path(os.path.realpath(folder))
    if folder.exists() and not folder.is_dir():
        raise OptimuxError(f"{folder} is no folder. Choose another -o, or move it away.")
    comparison = compare(artifacts, folder)
    if comparison.foreign and not force:
        names = "\n".join(f"  {path}" for path in comparison.foreign)
        raise OptimuxError(
            f"{folder} holds files that Optimux did not write, or that were changed since:\n{names}\n"
            "Nothing was written. Move them away, choose another -o, or overwrite them with --force."
        )
    if not comparison.is_current or not (folder / INDEX).exists():
        with _explained(folder, "written"):
            _replace(artifacts, folder, set(comparison.obsolete))
    return comparison


def _replace(artifacts: Sequence[Artifact], folder: Path, obsolete: set[str]) -> None:
    """Build the new folder beside the old one, then swap the two in one step."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = folder.parent / f".{folder.name}.optimux-{os.getpid()}"
    shutil.rmtree(staging, ignore_errors=True)
    try:
        for artifact in artifacts:
            _place(staging / artifact.path, artifact.content, artifact.mode)
        _place(staging / INDEX, _index(artifacts), 0o644)
        if folder.exists():
            _carry_over(folder, staging, obsolete)
            shutil.copymode(folder, staging)
            _exchange(staging, folder)
        else:
            staging.rename(folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _place(path: Path, content: bytes, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)


def _carry_over(folder: Path, staging: Path, obsolete: set[str]) -> None:
    """The user's own files and folders move along, links as links."""
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        target = staging / relative
        if os.path.lexists(target) or str(relative) in obsolete:
            continue
        if path.is_dir() and not path.is_symlink():
            if not any(str(relative) == name or name.startswith(f"{relative}/") for name in obsolete):
                target.mkdir(parents=True, exist_ok=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target, follow_symlinks=False)


def _exchange(staging: Path, folder: Path) -> None:
    """Swap two folders: renameat2(2) with RENAME_EXCHANGE, else two renames with the first taken back on failure."""
    import ctypes

    at_fdcwd, rename_exchange = -100, 2
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename and rename(at_fdcwd, os.fsencode(staging), at_fdcwd, os.fsencode(folder), rename_exchange) == 0:
        return
    aside = staging.with_name(staging.name + "-old")
    folder.rename(aside)
    try:
        staging.rename(folder)
    except OSError:
        aside.rename(folder)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _index(artifacts: Sequence[Artifact]) -> bytes:
    files = {artifact.path: _digest(artifact.content) for artifact in artifacts}
    return (json.dumps({"files": files}, indent=2, sort_keys=True) + "\n").encode()


def _read_index(folder: Path) -> dict[str, str]:
    try:
        files = json.loads((folder / INDEX).read_text(encoding="utf-8"))["files"]
        return {path: digest for path, digest in files.items() if _is_inside(path) and isinstance(digest, str)}
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise OptimuxError(f"{folder / INDEX} is damaged. Remove it: every file there then counts as yours.") from None


def _is_inside(path: str) -> bool:
    """An index that somebody else wrote must not lead outside of the folder."""
    return not path.startswith("/") and ".." not in path.split("/")


def _same(artifact: Artifact, folder: Path, present: dict[str, str | None]) -> bool:
    path = folder / artifact.path
    return present[artifact.path] == _digest(artifact.content) and path.stat().st_mode & 0o777 == artifact.mode


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _digest_of(path: Path) -> str | None:
    """The SHA-256 of a plain file; ``None`` for anything else, which is never ours."""
    return _digest(path.read_bytes()) if path.is_file() and not path.is_symlink() else None


@contextlib.contextmanager
def _explained(folder: Path, verb: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OptimuxError(f"{folder} cannot be {verb}: {error.strerror} ({error.filename})") from None
