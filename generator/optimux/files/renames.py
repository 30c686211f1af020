"""renameat2(2): taking a free name without replacing what somebody put there, and swapping two names in one step."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optimux.files.directory import Directory

_NOREPLACE, _EXCHANGE = 1, 2
# What libc, a kernel or a file system without it says.
_UNKNOWN = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EPERM)


def replace(source: Directory, name: str, target: Directory, new: str) -> None:
    """Move a file over whatever has the new name. Raises ``OSError``."""
    os.replace(name, new, src_dir_fd=source.descriptor, dst_dir_fd=target.descriptor)


def take(source: Directory, name: str, target: Directory, new: str) -> None:
    """Move to a name that is free. Raises ``FileExistsError`` where it is not, else ``OSError``."""
    code = rename2(source.descriptor, name, target.descriptor, new, _NOREPLACE)
    if code in _UNKNOWN:
        if target.entry(new) is not None:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target.path / new))
        replace(source, name, target, new)
    elif code:
        raise OSError(code, os.strerror(code), str(target.path / new))


def exchange(source: Directory, name: str, target: Directory, new: str) -> bool:
    """Swap two names; false where the system cannot. Raises ``OSError`` for what else goes wrong."""
    code = rename2(source.descriptor, name, target.descriptor, new, _EXCHANGE)
    if code and code not in _UNKNOWN:
        raise OSError(code, os.strerror(code), str(target.path / new))
    return not code


def rename2(source: int, name: str, target: int, new: str, flags: int) -> int:
    """The call itself: 0 or the error's number."""
    import ctypes

    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if call is None:
        return errno.ENOSYS
    done = call(source, os.fsencode(name), target, os.fsencode(new), flags)
    return 0 if done == 0 else ctypes.get_errno()
