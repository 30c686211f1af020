"""What the throwaway guest reports, as a value."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING

from optimux.pci import Address, Id
from optimux.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterator


class GuestReport(Record):
    """``supplies`` maps BAT0 and its like to their uevent; ``pages`` maps page numbers to what the guest read there."""

    tables: dict[str, bytes]
    supplies: dict[str, dict[str, str]]
    pci: dict[Address, Id]
    bars: dict[Address, int]  # ivshmem's address and the size of its BAR 2
    pages: dict[int, bytes]
    written: tuple[int, ...]
    frame: tuple[int, float] | None  # MiB and seconds


def parse_report(text: str, token: str) -> GuestReport | None:
    """The report between ``begin TOKEN`` and ``end TOKEN``, or ``None`` while it is not whole."""
    match = re.search(rf"^begin {token}$(.*)^end {token}$", text, re.MULTILINE | re.DOTALL)
    if match is None:
        return None
    lines = [line.split(" ", 2) for line in match[1].strip().splitlines()]
    pci = {Address.parse(words[1]): _id(words[2]) for words in _of(lines, "pci")}
    bars = {Address.parse(words[1]): _size(words[2]) for words in _of(lines, "bar")}
    tables = {words[1]: base64.b64decode(words[2]) for words in _of(lines, "table")}
    pages = {int(words[1]): base64.b64decode(words[2]) for words in _of(lines, "read")}
    written = tuple(int(words[1]) for words in _of(lines, "wrote"))
    return GuestReport(tables, _supplies(lines), pci, bars, pages, written, _frame(lines))


def _of(lines: list[list[str]], kind: str) -> Iterator[list[str]]:
    return (words for words in lines if words[0] == kind)


def _supplies(lines: list[list[str]]) -> dict[str, dict[str, str]]:
    supplies: dict[str, dict[str, str]] = {}
    for _, name, line in _of(lines, "supply"):
        key, _, value = line.partition("=")
        supplies.setdefault(name, {})[key.removeprefix("POWER_SUPPLY_")] = value
    return supplies


def _frame(lines: list[list[str]]) -> tuple[int, float] | None:
    for _, mib, times in _of(lines, "frame"):
        before, after = (float(word) for word in times.split())
        return int(mib), after - before
    return None


def _id(words: str) -> Id:
    vendor, device = words.split()[0].split(":")
    return Id(int(vendor, 16), int(device, 16))


def _size(words: str) -> int:
    start, end = (int(word, 16) for word in words.split())
    return end - start + 1
