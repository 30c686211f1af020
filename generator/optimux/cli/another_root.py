"""``--root``: the folder that a verb takes for ``/``, checked before anything is looked at."""

from __future__ import annotations

import os
from pathlib import Path

from optimux.errors import InvalidInput, Problem


def another_root(root: str | None, *, chroot: bool = False) -> str | None:
    """The absolute path of another root, or ``None`` where this machine's own is meant, as by ``--root /``.

    ``chroot`` says that commands are to run in it. Raises ``InvalidInput`` for what is no folder, or no other root.
    """
    place = None if root is None or os.path.realpath(root) == "/" else str(Path(root).absolute())
    if chroot and place is None:
        found = "no --root" if root is None else f'"{root}", which is no other root'
        raise InvalidInput([Problem("--chroot", found, "both", "Name the root to enter with --root.")])
    if place is not None and not Path(place).is_dir():
        raise InvalidInput([Problem("--root", f'"{root}"', "a folder that is there", "Mount the image there first.")])
    return place
