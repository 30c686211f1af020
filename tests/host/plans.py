"""Plans for the tests of the host's files, made the way the command makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optimux.emit.artifact import HostCommand, HostFile, HostLines
from optimux.emit.host import host_entries
from optimux.emit.merge import merged
from optimux.plan.resolve import plan_from

if TYPE_CHECKING:
    from optimux.plan.model import Plan

GPU = "0000:01:00.0"
AUDIO = "0000:01:00.1"
# QEMU's emulated display, whose driver is bochs: the competitor in the images that the tests build.
IDS = "1234:1111,8086:2668"


def config(*, host: dict[str, Any] | None = None, gpu: dict[str, Any] | None = None, **tables: Any) -> dict[str, Any]:
    """A card with its sound, and a VM that has it; ``host`` and ``gpu`` add keys, ``tables`` replaces tables."""
    functions = [{"address": GPU, "id": "1234:1111"}, {"address": AUDIO, "id": "8086:2668"}]
    return {
        "host": {"distribution": "debian", "cpuVendor": "intel", **(host or {})},
        "gpus": {"card": {"functions": functions, **(gpu or {})}},
        "vms": {"win": {"gpu": "card", "memory": "8GiB"}},
        **tables,
    }


def plan(**changes: Any) -> Plan:
    """The plan of ``config(**changes)``."""
    return plan_from(config(**changes))


def files(planned: Plan) -> dict[str, str]:
    """The text files of the host, by path."""
    entries = [entry for entry in host_entries(planned) if isinstance(entry, HostFile)]
    return {entry.path: entry.content for entry in entries if isinstance(entry.content, str)}


def commands(planned: Plan) -> list[str]:
    """The commands, in order."""
    return [entry.command for entry in host_entries(planned) if isinstance(entry, HostCommand)]


def lines_of(planned: Plan, path: str) -> HostLines:
    """The lines for one of the user's files."""
    (entry,) = (e for e in host_entries(planned) if isinstance(e, HostLines) and e.path == path)
    return entry


def merged_into(planned: Plan, path: str, text: str) -> str:
    """The user's file with our lines in it; merging again must change nothing."""
    entry = lines_of(planned, path)
    result = merged(text, entry)
    assert merged(result, entry) == result
    return result
