"""One root of a file system: everything that detection reads goes through it, and nothing leads out of it."""

from __future__ import annotations

import errno
import os
import re
from collections import deque

from optimux.facts.detect.store import TREE, Folder, Status, Store
from optimux.files.read import reason_of, unreadable

# A sysfs attribute is a page; /proc/cpuinfo of 256 CPUs is half a MiB.
LIMIT = 4 << 20
MOST_LINKS = 40
MOST_UNSEEN = 200
MISSING = (errno.ENOENT, errno.ENOTDIR)
# What resumes a device that sleeps when it is read (the kernel's drivers/pci/pci-sysfs.c and vpd.c).
WAKES = re.compile(r"/sys/.*/(config|vpd|rom|resource[0-9]+(_wc|_resize)?|(current|max)_link_(speed|width))")
UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]+")


class Root:
    """Reads beneath one folder, or a tar of one.

    ``trace`` holds each path that was read, ``unseen`` why a path that exists could not be. What is missing is ``None``
    or empty, never an error.
    """

    def __init__(self, store: Store, *, live: bool = False) -> None:
        self.store = store
        self.live = live
        self.trace: list[str] = []
        self.unseen: dict[str, str] = {}
        self._real: dict[str, str | None] = {}

    @classmethod
    def at(cls, path: str | None = None) -> Root:
        """This machine's own, or a recorded one at a folder or in a tar. Raises ``InvalidInput``."""
        place = "/" if path is None else path
        try:
            return cls(Folder(place), live=path is None)
        except NotADirectoryError:
            from optimux.facts.detect.archive import Archive, members_of

            return cls(Archive(members_of(place)))
        except (OSError, ValueError) as error:
            raise unreadable(place or "an empty path", reason_of(error), *TREE) from None

    @classmethod
    def of_a_machine(cls, path: str | None = None) -> Root:
        """As ``at``. Raises ``InvalidInput`` also for a tree of no machine, of which everything would be unknown."""
        root = cls.at(path)
        if root.live or root.exists("/sys") or root.exists("/proc"):
            return root
        root.close()
        raise unreadable(path or "/", "neither /sys nor /proc in it", *TREE)

    def close(self) -> None:
        """Give back the folders that are kept open; nothing is read after it."""
        if isinstance(self.store, Folder):
            self.store.close()

    def data(self, path: str, limit: int = LIMIT, *, awake: bool = False) -> bytes | None:
        """The bytes of a file. ``awake`` says that the device does not sleep, so that reading cannot resume it."""
        if not awake and WAKES.fullmatch(path):
            raise AssertionError(f"{path} resumes a device when it is read")
        folder, _, name = path.rpartition("/")
        real = self.real(folder)
        if real is None:
            return None
        self.trace.append(path)
        try:
            return self.store.read(f"{real}/{name}", limit)
        except OSError as error:
            if error.errno != errno.ELOOP:
                self._missed(path, error)
                return None
        followed = self.real(path)
        if followed is None or (not awake and WAKES.fullmatch(followed)):
            return None
        try:
            return self.store.read(followed, limit)
        except OSError as error:
            self._missed(path, error)
            return None

    def text(self, path: str, *, awake: bool = False) -> str | None:
        """A file's text without white space at its ends; bytes that are no UTF-8 become U+FFFD."""
        found = self.data(path, awake=awake)
        return None if found is None else found.decode("utf-8", "replace").strip(" \t\r\n\0")

    def lines(self, path: str) -> list[str]:
        """A file's lines."""
        return (self.text(path) or "").splitlines()

    def number(self, path: str, base: int = 10) -> int | None:
        """A whole number, or ``None`` for anything else."""
        return number(self.text(path), base)

    def names(self, path: str) -> list[str]:
        """The names in a folder, sorted."""
        real = self.real(path)
        if real is None:
            return []
        self.trace.append(path)
        try:
            return sorted(self.store.entries(real))
        except OSError as error:
            if error.errno not in MISSING:
                self._missed(path, error)
            return []

    def link(self, path: str) -> str | None:
        """The last part of what a link points to: a driver's name, a group's number."""
        folder, _, name = path.rpartition("/")
        real = self.real(folder)
        if real is None:
            return None
        try:
            return self.store.target(f"{real}/{name}").rstrip("/").rpartition("/")[2]
        except OSError as error:
            if error.errno not in (*MISSING, errno.EINVAL):
                self._missed(path, error)
            return None

    def kind(self, path: str) -> str | None:
        """What a path leads to: ``folder``, ``file``, ``char`` or ``other``; ``None`` where there is nothing."""
        real = self.real(path)
        if real is None:
            return None
        try:
            return self.store.kind(real)
        except OSError as error:
            self._missed(path, error)
            return None

    def status(self, path: str) -> Status | None:
        """Whose a file is, and who may open it; ``None`` where there is nothing."""
        real = self.real(path)
        if real is None:
            return None
        try:
            return self.store.status(real)
        except OSError as error:
            self._missed(path, error)
            return None

    def target(self, path: str) -> str | None:
        """All that a link says, as a descriptor in /proc does; ``None`` for what is no link."""
        folder, _, name = path.rpartition("/")
        real = self.real(folder)
        try:
            return None if real is None else self.store.target(f"{real}/{name}")
        except OSError as error:
            if error.errno not in (*MISSING, errno.EINVAL):
                self._missed(path, error)
            return None

    def exists(self, path: str) -> bool:
        """Whether a path leads to something."""
        return self.real(path) is not None

    def real(self, path: str) -> str | None:
        """The path without links, within the root; ``None`` where it leads nowhere."""
        if path in self._real:
            return self._real[path]
        if not path.strip("/"):
            return ""
        try:
            found = self._resolve(path)
        except OSError as error:
            found = None
            self._missed(path, error)
        self._real[path] = found
        return found

    def _resolve(self, path: str) -> str | None:
        parent, _, name = path.rpartition("/")
        above = self.real(parent)
        if above is None:
            return None
        real = above.split("/")[1:] if above else []
        left = deque([name])
        links = 0
        while left:
            part = left.popleft()
            if part in ("", "."):
                continue
            if part == "..":
                del real[-1:]  # above the top is the top
                continue
            here = "".join(f"/{step}" for step in (*real, part))
            if self.store.kind(here) == "link":
                links += 1
                if links > MOST_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
                target = self.store.target(here)
                left.extendleft(reversed(target.split("/")))
                real = [] if target.startswith("/") else real
            else:
                real.append(part)
        return "".join(f"/{step}" for step in real)

    def _missed(self, path: str, error: OSError) -> None:
        if error.errno not in MISSING and len(self.unseen) < MOST_UNSEEN:
            self.unseen.setdefault(path, error.strerror or str(error))


def number(text: str | None, base: int = 10) -> int | None:
    """A whole number of any usual length, or ``None``."""
    try:
        return int(text, base) if text is not None and len(text) < 40 else None
    except ValueError:
        return None


def clean(text: str | None, most: int = 200) -> str | None:
    """One line that can be shown: what cannot be printed becomes U+FFFD; ``None`` for nothing."""
    if text is None:
        return None
    return UNPRINTABLE.sub("\ufffd", text[:most]).strip() or None
