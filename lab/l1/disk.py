"""A disk for an emulated machine, made of a folder of a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from lab.consumers.session import Session

_SECONDS = 300
_SCRIPT = """source=$1; shift
exec mke2fs -q -F -t ext4 -O ^has_journal -m 0 "$@" -d "$source" /proc/self/fd/3 3>&1 >/tmp/words 2>&1"""


def make_disk(session: Session, source: str, target: Path, mib: int, *options: str) -> None:
    """An ext4 image of the folder ``source``, written straight into ``target``; ``options`` are further ones of mke2fs.

    Raises ``OSError`` with the words of mke2fs.
    """
    with target.open("w+b") as disk:
        disk.truncate(mib << 20)
        status = session.start(["sh", "-c", _SCRIPT, "disk", source, *options], disk).wait(_SECONDS)
    if status:
        raise OSError(f"mke2fs failed: {session.read('/tmp/words').decode(errors='replace')}")
