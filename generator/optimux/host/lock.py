"""One at a time: whoever changes the host holds the lock on ``/var/lib/optimux``."""

from __future__ import annotations

import contextlib
import errno
import fcntl
from typing import TYPE_CHECKING

from optimux.errors import OptimuxError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optimux.files.root import Root

FOLDER = "/var/lib/optimux"


@contextlib.contextmanager
def locked(root: Root) -> Iterator[None]:
    """Held within. Raises ``OptimuxError`` at once where another run holds it; a killed one holds nothing."""
    with root.folder(FOLDER, make=True) as folder:
        try:
            fcntl.flock(folder.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                raise OptimuxError(
                    f"another run of Optimux is changing this host ({FOLDER} is locked). Nothing was changed. "
                    "Wait for it, then run this again."
                ) from None
            if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.EINVAL):
                raise
        yield
