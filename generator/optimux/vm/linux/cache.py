"""What is fetched or built once: kernels, busybox, initramfs images."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

from optimux.files.scratch import made_once, own_folder
from optimux.files.trust import Untrusted
from optimux.vm.errors import VmError

if TYPE_CHECKING:
    from collections.abc import Callable

_REMEDY = "Name a folder that you may write to in XDG_CACHE_HOME."


def cache(name: str) -> Path:
    """A folder for ``name`` in the user's cache, made where it is missing. Raises ``VmError`` where it cannot be."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111 - which never fails
    folder = Path(base) / "optimux" / name
    try:
        own_folder(folder)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise VmError(f"no cache: {folder}: {error.strerror}", _REMEDY) from None
    except Untrusted as reason:
        raise VmError(f"no cache: {reason}", _REMEDY) from None
    return folder


def present(name: str, prefix: str) -> list[str]:
    """The complete folders in ``cache(name)`` that begin with ``prefix``: not what is being made, or never was done."""
    folders = (entry.name for entry in cache(name).glob(f"{prefix}*") if entry.is_dir())
    return sorted(folder for folder in folders if not folder.startswith(".") and not folder.endswith(".building"))


def cached(target: Path, make: Callable[[Path], None]) -> Path:
    """``target``, made first where it is missing. Raises ``VmError`` where it cannot be written."""
    try:
        return made_once(target, make)
    except OSError as error:
        raise VmError(f"no cache: {target}: {error.strerror}", _REMEDY) from None
