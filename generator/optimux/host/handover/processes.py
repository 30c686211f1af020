"""Who has a node open or mapped: every process, every thread with a table of its own, in every namespace.

A descriptor is compared by the device number that lies behind it, whatever it is called where it was opened. What only
hangs in a socket's queue is seen by nobody here: the modules' counts tell (``modules``).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from optimux.host.handover.holder import MAPPED, OPEN, THREAD, Use

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from optimux.host.handover.nodes import Node
    from optimux.host.handover.statx import Statx

_KCMP = {"x86_64": 312, "aarch64": 272}  # of each architecture's table of system calls
_KCMP_FILES = 2  # linux/kcmp.h


class Scan:
    """One look at all processes. ``unseen`` are those that could not be looked into."""

    def __init__(self, nodes: tuple[Node, ...], root: str = "/") -> None:
        self._root = root.rstrip("/")
        self._nodes = {node.number: node for node in nodes}
        self._names = {node.name: node for node in nodes}
        self._same_table = _same_table() if not self._root else None
        self._statx = _statx() if not self._root else None
        self.unseen: list[int] = []
        self.exporting: list[int] = []  # processes with a buffer of some device in hand
        self.mounts: dict[int | str, int] = {}  # a process of each mount namespace

    def run(self) -> tuple[Use, ...]:
        """Every use of a wanted node, in the order of the processes."""
        me = str(os.getpid())
        pids = [name for name in os.listdir(f"{self._root}/proc") if name.isdecimal()]  # noqa: PTH208
        found: list[Use] = []
        for pid in sorted(pids, key=int):
            if pid != me:
                found += self._process(int(pid))
        return tuple(found)

    def _process(self, pid: int) -> Iterator[Use]:
        base, found = f"{self._root}/proc/{pid}", list[Use]()
        try:
            if self._descriptors(pid, base, None, found) == 0 and not os.path.exists(f"{base}/exe"):  # noqa: PTH110
                return  # a thread of the kernel's
            self._threads(pid, base, found)
            yield from found
            yield from self._mappings(pid, base)
            self._namespace(pid, base)
        except PermissionError:
            self.unseen.append(pid)
        except OSError:
            return  # it has ended

    def _descriptors(self, pid: int, base: str, tid: int | None, found: list[Use]) -> int:
        """Adds each wanted node of a table once; how many descriptors it has. By the folder's own descriptor: the way
        to it through /proc takes longer than the look.
        """
        folder = os.open(f"{base}/fd", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        seen = set()
        try:
            numbers = os.listdir(folder)  # noqa: PTH208 - a descriptor has no path
            for node in self._behind(pid, folder, numbers):
                if node not in seen:
                    seen.add(node)
                    found.append(Use(pid, node.name, str(node.function), OPEN if tid is None else THREAD, tid))
        finally:
            os.close(folder)
        return len(numbers)

    def _behind(self, pid: int, folder: int, numbers: list[str]) -> Iterator[Node]:
        """The wanted nodes behind descriptors: by their devices; in a record, which has none, by name."""
        if self._statx is None:
            targets = (_target(number, folder).removesuffix(" (deleted)") for number in numbers)
            yield from (self._names[target] for target in targets if target in self._names)
            return
        for number, device in self._statx.special(folder, numbers):
            if device in self._nodes:
                yield self._nodes[device]
            elif device is None and _target(number, folder).startswith("/dmabuf:"):
                self.exporting.append(pid)

    def _threads(self, pid: int, base: str, found: list[Use]) -> None:
        tids = os.listdir(f"{base}/task")  # noqa: PTH208
        for name in tids if len(tids) > 1 else ():
            tid = int(name)
            if tid != pid and not (self._same_table and self._same_table(pid, tid)):
                self._descriptors(pid, f"{base}/task/{name}", tid, found)

    def _mappings(self, pid: int, base: str) -> Iterator[Use]:
        """Mappings outlive their descriptors. Devices are mapped as shared, or lie in /dev."""
        try:
            with open(f"{base}/maps", "rb") as file:  # noqa: PTH123
                lines = file.read()
        except FileNotFoundError:
            return
        # Most processes have neither; every look at a line of theirs would be for nothing.
        if b"-s " not in lines and b"xs " not in lines and b" /dev/" not in lines:
            return
        seen = set()
        for line in lines.splitlines():
            # Thousands of lines, of which few are either: "7f00-7f01 rw-s 00000000 00:06 123    /dev/dri/card1".
            shared = line.find(b" ") + 4
            if line[shared : shared + 1] != b"s" and b" /dev/" not in line:
                continue
            fields = line.split(None, 5)
            if len(fields) < 6 or not fields[5].startswith(b"/"):
                continue
            name = os.fsdecode(fields[5])
            if name in seen or not (fields[1].endswith(b"s") or name.startswith("/dev/")):
                continue
            seen.add(name)
            if node := self._mapped(f"{base}/map_files/{_range(fields[0])}", name):
                yield Use(pid, node.name, str(node.function), MAPPED)

    def _mapped(self, path: str, name: str) -> Node | None:
        if self._statx is None:
            return self._names.get(name.removesuffix(" (deleted)"))
        device = self._statx.device(path)
        return self._nodes.get(device) if device else None

    def _namespace(self, pid: int, base: str) -> None:
        try:
            self.mounts.setdefault(os.readlink(f"{base}/ns/mnt"), pid)  # noqa: PTH115
        except FileNotFoundError:
            self.mounts.setdefault(pid, pid)  # a record


def _range(field: bytes) -> str:
    """A mapping's addresses as map_files names them: without leading zeros."""
    first, _, last = field.decode().partition("-")
    return f"{int(first, 16):x}-{int(last, 16):x}"


def _target(number: str, folder: int) -> str:
    try:
        return os.readlink(number, dir_fd=folder)
    except OSError:
        return ""


def _statx() -> Statx:
    from optimux.host.handover.statx import Statx

    return Statx()


def _same_table() -> Callable[[int, int], bool] | None:
    """Whether two threads share their descriptors: kcmp(2), which is one call where a table is many."""
    import ctypes
    import errno

    number = _KCMP.get(os.uname().machine)
    if number is None:
        return None
    call = ctypes.CDLL(None, use_errno=True).syscall
    if call(number, os.getpid(), os.getpid(), _KCMP_FILES, 0, 0) and ctypes.get_errno() in (errno.ENOSYS, errno.EPERM):
        return None
    return lambda one, other: call(number, one, other, _KCMP_FILES, 0, 0) == 0
