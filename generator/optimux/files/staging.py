"""A folder of our own to build in: made, never found, and gone afterwards."""

from __future__ import annotations

import contextlib
import os
import stat
from typing import TYPE_CHECKING

from optimux.files import leftovers
from optimux.files.atomic import create
from optimux.files.state import Metadata

if TYPE_CHECKING:
    from typing import Self

    from optimux.files.directory import Directory


class Staging:
    """Open it as a context manager: ``folder`` is new, empty but for a mark, and for us alone."""

    def __init__(self, parent: Directory, prefix: str = leftovers.PREFIX) -> None:
        self._parent, self._prefix = parent, prefix
        self._kept = False

    def __enter__(self) -> Self:
        """Make it, after clearing what killed runs left beside it. Raises ``OSError``."""
        leftovers.clear(self._parent, self._prefix)
        while True:
            self.name = leftovers.new_name(self._prefix)
            self.folder = self._parent.make(self.name, 0o700)
            if leftovers.claimed(self.folder.descriptor):
                break
            self.folder.close()
        try:
            self._own()
        except BaseException:
            self._remove()
            raise
        return self

    def _own(self) -> None:
        """What we opened is what we made: somebody who may write to the parent could have exchanged it."""
        status = self.folder.status()
        if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o077 or self.folder.names():
            raise OSError(17, "another user exchanged the folder that was being made", str(self.folder.path))
        os.close(create(self.folder, leftovers.MARK, b"", Metadata(0o600)))

    def __exit__(self, *_: object) -> None:
        if self._kept:
            self.folder.close()
        else:
            self._remove()

    def keep(self) -> None:
        """Leave it: it is the user's from now on."""
        self._kept = True
        self.folder.unlink(leftovers.MARK)

    def _remove(self) -> None:
        with contextlib.suppress(OSError):
            leftovers.remove_marked(self._parent, self.name, self.folder)
        self.folder.close()
