"""Folders of the user's cache that take long to fill and depend on nothing but their inputs, one for each name.

A folder is filled under a lock and under another name, then renamed, so that neither a second worker nor a run that was
cut off leaves half of it. The one of other inputs goes when it is replaced, unless somebody uses it.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

import lab
from lab.consumers.roots import in_use, locked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from lab.consumers.roots import Root


def folder() -> Path:
    """Where they lie."""
    return lab.cache() / "machines"


def key(inputs: Iterable[object]) -> str:
    """Of values whose ``repr`` tells everything of them."""
    digest = hashlib.sha256()
    for value in inputs:
        digest.update(repr(value).encode() + b"\n")
    return digest.hexdigest()[:12]


def identity(root: Root) -> tuple[str, int]:
    """What tells a root from one that was built of the same recipe later."""
    return root.path.name, root.path.stat().st_mtime_ns


@contextmanager
def kept(name: str, inputs: Iterable[object], fill: Callable[[Path], None]) -> Iterator[Path]:
    """The folder that ``fill`` has filled for these ``inputs``; it stays as long as the block runs.

    Raises what ``fill`` raises, and keeps nothing then.
    """
    place = folder() / f"{name}-{key(inputs)}"
    with ExitStack() as stack:
        with locked(place.with_name(f"{name}.lock"), fcntl.LOCK_EX):
            stack.enter_context(in_use(place))
            if not place.is_dir():
                _fill(place, fill)
            _remove_others(name, place)
        yield place


def remove(place: Path) -> None:
    """One that turned out to be of no use: the next who asks has it made anew."""
    gone = place.with_suffix(".broken")
    with suppress(FileNotFoundError):
        place.rename(gone)
        shutil.rmtree(gone)


def _fill(place: Path, fill: Callable[[Path], None]) -> None:
    half = place.with_suffix(".making")
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir()
    try:
        fill(half)
        half.rename(place)
    finally:
        shutil.rmtree(half, ignore_errors=True)


def _remove_others(name: str, place: Path) -> None:
    for other in place.parent.glob(f"{name}-{'[0-9a-f]' * 12}*"):
        if other.stem == place.name:
            continue
        used = other.with_suffix(".used")
        with used.open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            if other.is_dir():
                shutil.rmtree(other)
            used.unlink(missing_ok=True)
