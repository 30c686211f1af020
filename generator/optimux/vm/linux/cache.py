"""What is fetched or built once: kernels, busybox, initramfs images."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from optimux.vm.errors import VmError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_UNFINISHED = ".building"


def cache(name: str) -> Path:
    """A folder for ``name`` in the user's cache, made where it is missing. Raises ``VmError`` where it cannot be."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111 - which never fails
    folder = Path(base) / "optimux" / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        remedy = "Name a folder that you may write to in XDG_CACHE_HOME."
        raise VmError(f"no cache: {folder}: {error.strerror}", remedy) from None
    return folder


def present(name: str, prefix: str) -> list[str]:
    """The complete folders in ``cache(name)`` that begin with ``prefix``: not what is being made, or never was done."""
    folders = (entry.name for entry in cache(name).glob(f"{prefix}*") if entry.is_dir())
    return sorted(folder for folder in folders if not folder.endswith(_UNFINISHED))


def cached(target: Path, make: Callable[[Path], None]) -> Path:
    """``target``, made first where it is missing: under another name, so that no half of it is ever found."""
    if target.exists():
        return target
    with _locked(target.with_name(f"{target.name}.lock")):
        if not target.exists():
            half = target.with_name(target.name + _UNFINISHED)
            _remove(half)
            make(half)
            half.rename(target)
    return target


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    import fcntl

    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _remove(path: Path) -> None:
    import shutil

    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
