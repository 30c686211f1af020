"""What of the host's storage hangs on a card: mounts in any namespace, swap, device mapper and md."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from optimux.host.handover.nodes import BLOCK
from optimux.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from optimux.host.handover.nodes import Node, Sysfs


class Mounted(Record):
    """A file system, or swap where ``where`` is empty, on one of the card's block devices."""

    node: str
    where: str
    pid: int | None = None  # a process that sees it, where pid 1 does not


def mounted(sysfs: Sysfs, nodes: tuple[Node, ...], processes: Iterable[int]) -> tuple[Mounted, ...]:
    """Each mount once, by where it is first seen; ``processes`` has one of each mount namespace."""
    blocks = {(node.number[1], node.number[2]): node.name for node in nodes if node.number[0] == BLOCK}
    if not blocks:
        return ()
    names = set(blocks.values()) | _pools(sysfs, set(blocks.values()))
    found: dict[tuple[str, str], Mounted] = {}
    for pid in dict.fromkeys((1, *processes)):
        for node, where in _mounts(sysfs, pid, blocks, names):
            found.setdefault((node, where), Mounted(node, where, None if pid == 1 else pid))
    swaps = [line.split()[0] for line in (sysfs.text("/proc/swaps") or "").splitlines()[1:] if line.split()]
    return (*found.values(), *(Mounted(name, "") for name in swaps if name in names))


def _mounts(sysfs: Sysfs, pid: int, blocks: dict[tuple[int, int], str], names: set[str]) -> Iterator[tuple[str, str]]:
    """proc_pid_mountinfo(5). btrfs has numbers of its own: there the source's name tells."""
    for line in (sysfs.text(f"/proc/{pid}/mountinfo") or "").splitlines():
        fields = line.split(" ")
        if len(fields) < 10 or "-" not in fields:
            continue
        major, _, minor = fields[2].partition(":")
        source = fields[fields.index("-") + 2]
        number = (int(major), int(minor)) if major.isdecimal() and minor.isdecimal() else (0, 0)
        if number in blocks or source in names:
            yield blocks.get(number, source), _octal(fields[4])


def _pools(sysfs: Sysfs, names: set[str]) -> set[str]:
    """Every device of a btrfs that one of ours belongs to: the mount may name another one."""
    found: set[str] = set()
    for pool in sysfs.names("/sys/fs/btrfs"):
        members = {f"/dev/{name}" for name in sysfs.names(f"/sys/fs/btrfs/{pool}/devices")}
        if members & names:
            found |= members
    return found


def _octal(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)
