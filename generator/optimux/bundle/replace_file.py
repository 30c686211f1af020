"""Writing one file of the user's: whole or not at all, and never without a way back."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path


def replace_file(path: Path, content: bytes) -> None:
    """Give a file new content in one step; mode and owner of one that is there stay. Follows a symbolic link."""
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():  # /dev/stdout, a pipe
        target.write_bytes(content)
        return
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        _take_over(target, name)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _take_over(target: Path, name: str) -> None:
    if not target.exists():
        mask = os.umask(0)
        os.umask(mask)
        Path(name).chmod(0o666 & ~mask)
        return
    shutil.copystat(target, name)
    status = target.stat()
    if os.geteuid() == 0:
        os.chown(name, status.st_uid, status.st_gid)


def backed_up(path: Path, content: bytes) -> Path:
    """Keep ``content`` beside a file, as ``NAME.bak`` or the next free ``NAME.bakN``; where it is kept."""
    names = (f"{path.name}.bak{number or ''}" for number in range(1 << 16))
    backup = next(path.with_name(name) for name in names if not os.path.lexists(path.with_name(name)))
    replace_file(backup, content)
    shutil.copymode(path, backup)
    return backup
