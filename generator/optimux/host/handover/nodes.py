"""What a PCI function has made on the host: every device number below its folder in sysfs, and what stands on these.

All of it is compared by number, never by name: a node may have any name, in any mount namespace.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from optimux.facts.detect.pci import DEVICES
from optimux.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optimux.pci import Address

BLOCK, CHARACTER = "block", "character"
Number = tuple[str, int, int]  # BLOCK or CHARACTER, major, minor
# Folders of sysfs in which no device can lie.
_BARREN = frozenset({"power", "msi_irqs", "statistics", "queues", "trace", "link", "pps"})
_MOST_FOLDERS = 20_000
# Documentation/admin-guide/devices.txt: NVIDIA's nodes have no place in sysfs.
_NVIDIA_MAJOR = 195
_NVIDIA_SHARED = {254: "nvidia-modeset", 255: "nvidiactl"}
_NVIDIA_DYNAMIC = ("nvidia-uvm", "nvidia-caps", "nvidia-caps-imex-channels", "nvidia-nvlink")
_NVIDIA_MINORS = 64


class Node(Record):
    """One node: its number, its usual name, its subsystem, and whose it is; ``shared`` where several cards have it."""

    number: Number
    name: str
    subsystem: str
    function: Address
    shared: bool = False


class Link(Record):
    """A network link on a function, and whether it is up."""

    name: str
    function: Address
    up: bool


class Below(Record):
    """Everything below one function."""

    nodes: tuple[Node, ...] = ()
    links: tuple[Link, ...] = ()
    keyboards: tuple[str, ...] = ()
    firmware_framebuffer: str | None = None


class Sysfs:
    """/sys and what is needed of /proc beneath one root, which is ``/`` on a running machine."""

    def __init__(self, root: str = "/") -> None:
        self.root = root.rstrip("/")
        self.unseen: list[str] = []

    def text(self, path: str) -> str | None:
        """A file's text; ``None`` where there is none. What exists and cannot be read is in ``unseen``."""
        try:
            with open(self.root + path, "rb") as file:  # noqa: PTH123 - thousands of them, a Path each would show
                return file.read(1 << 16).decode("utf-8", "replace").strip()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            if isinstance(error, PermissionError):
                self.unseen.append(path)
            return None

    def names(self, path: str) -> list[str]:
        """The names in a folder, sorted; none where it is missing."""
        try:
            return sorted(os.listdir(self.root + path))  # noqa: PTH208 - names are wanted
        except OSError:
            return []

    def target(self, path: str) -> str | None:
        """The last part of a link's target."""
        try:
            return os.readlink(self.root + path).rpartition("/")[2]  # noqa: PTH115 - as above
        except OSError:
            return None

    def below(self, address: Address) -> Below:
        """What one function has made."""
        nodes: list[Node] = []
        links: list[Link] = []
        keyboards: list[str] = []
        framebuffer = None
        base = f"{DEVICES}/{address}"
        for folder, entries in self._folders(base):
            name = folder.rpartition("/")[2]
            if re.fullmatch(r"(simple-framebuffer|efi-framebuffer|vesa-framebuffer)\.[0-9]+", name):
                framebuffer = name
            subsystem = (self.target(f"{folder}/subsystem") if "subsystem" in entries else None) or ""
            if subsystem == "net":
                flags = self.text(f"{folder}/flags") or "0"
                links.append(Link(name, address, bool(int(flags, 16) & 1)))  # IFF_UP of net/if.h
            elif subsystem == "input" and self.is_keyboard(folder):
                keyboards.append(self.text(f"{folder}/name") or name)
            if "dev" in entries and (node := self._node(folder, subsystem, address)):
                nodes.append(node)
        nodes += (*self._nvidia(address), *self._compute(address))
        return Below(tuple(nodes), tuple(links), tuple(keyboards), framebuffer)

    def _folders(self, base: str) -> Iterator[tuple[str, set[str]]]:
        """Every folder below a function, and the names in it; links lead elsewhere and are left."""
        waiting = [f"{base}/"]  # the function's own is a link in /sys/bus
        count = 0
        while waiting and count < _MOST_FOLDERS:
            folder = waiting.pop().rstrip("/")
            count += 1
            try:
                with os.scandir(f"{self.root}{folder}/") as found:
                    entries = [*found]
            except OSError as error:
                if isinstance(error, PermissionError):
                    self.unseen.append(folder)
                continue
            yield folder, {entry.name for entry in entries}
            waiting += [
                f"{folder}/{entry.name}"
                for entry in entries
                if entry.name not in _BARREN and entry.is_dir(follow_symlinks=False)
            ]

    def _node(self, folder: str, subsystem: str, address: Address) -> Node | None:
        """The node that a folder stands for: its file ``dev`` has the number, ``uevent`` the name."""
        words = (self.text(f"{folder}/dev") or "").split(":")
        if len(words) != 2 or not all(word.isdecimal() for word in words):
            return None
        found = re.search(r"^DEVNAME=(\S+)$", self.text(f"{folder}/uevent") or "", re.MULTILINE)
        name = found[1] if found else folder.rpartition("/")[2]
        kind = BLOCK if subsystem == "block" else CHARACTER
        return Node((kind, int(words[0]), int(words[1])), f"/dev/{name}", subsystem, address)

    def is_keyboard(self, folder: str) -> bool:
        """Whether an input device has the letters of a keyboard: bits 16 to 25 of its keys (QWERTYUIOP)."""
        words = (self.text(f"{folder}/capabilities/key") or "").split()
        lowest = int(words[-1], 16) if words and re.fullmatch("[0-9a-f]+", words[-1]) else 0
        return lowest >> 16 & 0x3FF == 0x3FF

    def _nvidia(self, address: Address) -> Iterator[Node]:
        """NVIDIA's own nodes: the card's by the number that its driver tells, and those for all cards."""
        said = self.text(f"/proc/driver/nvidia/gpus/{address}/information")
        if said is None:
            return
        minor = re.search(r"^Device Minor:\s*([0-9]+)", said, re.MULTILINE)
        if minor:
            yield Node((CHARACTER, _NVIDIA_MAJOR, int(minor[1])), f"/dev/nvidia{minor[1]}", "nvidia", address)
        for number, name in _NVIDIA_SHARED.items():
            yield Node((CHARACTER, _NVIDIA_MAJOR, number), f"/dev/{name}", "nvidia", address, shared=True)
        for major, name in self._majors():
            if name in _NVIDIA_DYNAMIC:
                yield from (
                    Node((CHARACTER, major, minor), f"/dev/{name}", "nvidia", address, shared=True)
                    for minor in range(_NVIDIA_MINORS)
                )

    def _compute(self, address: Address) -> Iterator[Node]:
        """AMD's node for computing, which is one for all cards: whoever has it open has queues on each."""
        words = (self.text("/sys/class/kfd/kfd/dev") or "").split(":")
        if self.target(f"{DEVICES}/{address}/driver") == "amdgpu" and len(words) == 2:
            number = (CHARACTER, int(words[0]), int(words[1]))
            yield Node(number, "/dev/kfd", "kfd", address, shared=True)

    def _majors(self) -> Iterator[tuple[int, str]]:
        """The character devices of /proc/devices."""
        for line in (self.text("/proc/devices") or "").partition("Block devices")[0].splitlines():
            number, _, name = line.strip().partition(" ")
            if number.isdecimal():
                yield int(number), name

    def stacked(self, nodes: tuple[Node, ...]) -> tuple[Node, ...]:
        """Block devices that stand on the function's: device mapper, md, bcache, all the way up."""
        found: dict[Number, Node] = {}
        waiting = [node for node in nodes if node.number[0] == BLOCK]
        while waiting:
            node = waiting.pop()
            holders = f"/sys/dev/block/{node.number[1]}:{node.number[2]}/holders"
            for name in self.names(holders):
                above = self._node(f"{holders}/{name}", "block", node.function)
                if above and above.number not in found:
                    above = above.replace(name=f"/dev/{name}", subsystem="stacked")
                    found[above.number] = above
                    waiting.append(above)
        return tuple(found.values())
