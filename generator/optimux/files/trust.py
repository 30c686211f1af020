"""Who could change a path under us: the one rule by which root takes a path or refuses it.

A folder is safe when nobody but root and ourselves may rename, remove or replace what lies in it: it belongs to one of
the two, and nobody else may write there; or it is sticky, as /tmp is, and the entry in question is ours or root's.
"""

from __future__ import annotations

import os
import stat
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from optimux.errors import OptimuxError

if TYPE_CHECKING:
    from os import stat_result

_ROOT = 0
_EVERY_ID = 0xFFFF_FFFF  # how many ids the initial user namespace maps (user_namespaces(7))


class Untrusted(OptimuxError):  # noqa: N818 - the path is, not the program
    """A path that another user could exchange while root writes there."""


def guards() -> bool:
    """Whether paths are judged: another user gains nothing by making us do what he may do himself."""
    return os.geteuid() == _ROOT


def judge(path: Path, folder: stat_result, name: str, entry: stat_result | None) -> None:
    """Raises ``Untrusted`` where another user could exchange ``name`` in the folder at ``path``."""
    if reason := why_not(path, folder, name, entry):
        raise Untrusted(
            f"{reason}, so another user could change what lies there while root writes. Nothing was written. "
            "Run it as that user, without root, or choose a folder that only root may write to."
        )


def why_not(path: Path, folder: stat_result, name: str, entry: stat_result | None) -> str:
    """What makes it unsafe for root, or nothing."""
    if not _is_ours(folder.st_uid):
        return f"{path} belongs to {_user(folder.st_uid)}"
    if not _others_write(folder):
        return ""
    if not folder.st_mode & stat.S_ISVTX:
        return f"{path} may be written to by others (mode {stat.S_IMODE(folder.st_mode):04o})"
    if entry is not None and not _is_ours(entry.st_uid):
        return f"{path / name} belongs to {_user(entry.st_uid)}"
    return ""


def may_follow(folder: stat_result, link: stat_result) -> bool:
    """The kernel's rule for links in folders such as /tmp (fs.protected_symlinks), whatever its setting."""
    sticky = bool(folder.st_mode & stat.S_ISVTX and folder.st_mode & stat.S_IWOTH)
    return not sticky or link.st_uid in (os.geteuid(), folder.st_uid)


def _is_ours(owner: int) -> bool:
    return owner in (_ROOT, os.geteuid()) or owner == _outsider()


def _others_write(folder: stat_result) -> bool:
    """With access control lists the group's bits are their mask, so nobody is overlooked."""
    group = folder.st_mode & stat.S_IWGRP and folder.st_gid != _ROOT
    return bool(group or folder.st_mode & stat.S_IWOTH)


@cache
def _outsider() -> int | None:
    """What stands for every user outside of a user namespace: who made it is above us anyway."""
    try:
        first, _, count = Path("/proc/self/uid_map").read_text().split()[:3]
        if (int(first), int(count)) == (0, _EVERY_ID):
            return None
        return int(Path("/proc/sys/kernel/overflowuid").read_text())
    except (OSError, ValueError):
        return None


def _user(number: int) -> str:
    import pwd

    try:
        return f"{pwd.getpwuid(number).pw_name} (user {number})"
    except KeyError:
        return f"user {number}"
