"""A folder that everybody may write to, a victim beside it, and another user who plants links."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import stat
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

OTHER = 65534  # nobody: a user that every system has


class Arena:
    """``shared`` is as /tmp is, ``theirs`` belongs to the other user, ``victim`` to root alone."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.shared, self.theirs, self.victim = (top / name for name in ("shared", "theirs", "victim"))
        for folder, mode in ((self.shared, 0o1777), (self.theirs, 0o755), (self.victim, 0o700)):
            folder.mkdir()
            folder.chmod(mode)
        os.chown(self.theirs, OTHER, OTHER)
        (self.victim / "secret").write_text("secret")
        (self.victim / "secret").chmod(0o600)
        self._before = self._victim()

    def _victim(self) -> dict[str, tuple[int, int, bytes]]:
        found = {}
        for path in (self.victim, *self.victim.rglob("*")):
            status = path.lstat()
            content = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
            found[path.name] = (status.st_uid, status.st_mode, content)
        return found

    def is_unharmed(self) -> bool:
        """Whether the victim's owner, permissions and content are what they were."""
        return self._victim() == self._before

    @contextlib.contextmanager
    def attacker(self, folder: Path, names: Sequence[str]) -> Iterator[None]:
        """Another user who all the time gives those names to links to the victim, its file, and folders of his own."""
        child = os.fork()
        if child == 0:
            try:
                os.setgroups([])
                os.setgid(OTHER)
                os.setuid(OTHER)
                self._attack(folder, names)
            finally:
                os._exit(1)
        try:
            yield
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)

    def _attack(self, folder: Path, names: Sequence[str]) -> None:
        targets = (str(self.victim), str(self.victim / "secret"))
        while True:
            for name in names:
                for target in targets:
                    with contextlib.suppress(OSError):
                        (folder / name).symlink_to(target)
                    with contextlib.suppress(OSError):
                        (folder / name).unlink()
                with contextlib.suppress(OSError):
                    (folder / name).mkdir()
                    (folder / name).rmdir()
            for entry in folder.iterdir():
                with contextlib.suppress(OSError):
                    entry.unlink()
                    entry.symlink_to(targets[0])


@contextlib.contextmanager
def arena(folder: Path | None = None) -> Iterator[Arena]:
    """One, in a place that the other user can reach, in ``folder`` where it is named; gone afterwards."""
    top = Path(tempfile.mkdtemp(prefix="optimux-arena-", dir=folder))
    top.chmod(0o755)
    try:
        yield Arena(top)
    finally:
        shutil.rmtree(top)
