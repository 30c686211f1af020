"""An open folder. What lies in it is reached by its descriptor and a single name; links are never followed."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Self

_FOLDER = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FOLDER_MODE = 0o755  # never writable for others, whatever the umask: what lies there is installed by root


class Directory:
    """Owns its descriptor; use as a context manager. Everything raises ``OSError`` with the path that it is about."""

    def __init__(self, descriptor: int, path: Path) -> None:
        """``path`` is where it was found: for messages alone."""
        self.descriptor, self.path = descriptor, path

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the descriptor back."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def status(self) -> os.stat_result:
        """The folder's own."""
        return os.fstat(self.descriptor)

    def entry(self, name: str) -> os.stat_result | None:
        """An entry's status, of a link itself; ``None`` where there is none."""
        try:
            return os.stat(name, dir_fd=self.descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def folder(self, name: str) -> Directory:
        """The folder of that name."""
        return Directory(opened(name, self.descriptor), self.path / name)

    def make(self, name: str, mode: int = FOLDER_MODE) -> Directory:
        """A new folder of that name; whoever made one first is told by ``FileExistsError``."""
        os.mkdir(name, mode, dir_fd=self.descriptor)
        try:
            return self.folder(name)
        except OSError:
            os.rmdir(name, dir_fd=self.descriptor)
            raise

    def make_or_open(self, name: str) -> Directory:
        """The folder of that name, which is made where it is missing."""
        try:
            return self.make(name)
        except FileExistsError:
            return self.folder(name)

    def again(self) -> Directory:
        """The same folder under another descriptor."""
        return Directory(os.dup(self.descriptor), self.path)

    def names(self) -> list[str]:
        """What lies in it."""
        return sorted(os.listdir(self.descriptor))

    def open_file(self, name: str) -> int:
        """A descriptor for reading a plain file. Raises ``OSError`` for links, and ``ValueError`` for all but files."""
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=self.descriptor)
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return descriptor
        os.close(descriptor)
        raise ValueError(f"{self.path / name} is no plain file")

    def unlink(self, name: str) -> None:
        """Remove a file or a link; one that has gone already is none the worse."""
        try:
            os.unlink(name, dir_fd=self.descriptor)
        except FileNotFoundError:
            return

    def sync(self) -> None:
        """What was renamed is on the disk afterwards; a folder that cannot be read, or synced, goes without."""
        try:
            os.fsync(self.descriptor)
        except OSError as error:
            import errno

            if error.errno not in (errno.EBADF, errno.EINVAL, errno.ENOTSUP):
                raise


def opened(name: str, below: int | None = None) -> int:
    """A folder's descriptor: for reading where that is allowed, else only to reach what is in it."""
    try:
        return os.open(name, os.O_RDONLY | _FOLDER, dir_fd=below)
    except PermissionError:
        return os.open(name, os.O_PATH | _FOLDER, dir_fd=below)
