"""Which keys of a VM its user stated, beside those that are defaults: what tells a wish from a habit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from optimux.record import Record

_SHARED = "lookingGlass"


class Requested(Record):
    """The stated keys by path below ``vms.<name>``, as in ``cpu.mode`` or ``disks[0].bus``; null states nothing.

    ``own`` were written in the VM's table. ``shared`` were written in the top-level ``lookingGlass``, hold for the VM
    too, and have paths that begin with it. An empty list or table that was written is a stated key itself.
    """

    own: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    own_around: frozenset[str] = frozenset()
    shared_around: frozenset[str] = frozenset()

    def states(self, path: str) -> bool:
        """Whether this key, or one inside it, was stated."""
        return path in self.own_around or (path in self.shared_around and not self._is_replaced(path))

    def __iter__(self) -> Iterator[str]:
        yield from self.own
        yield from (path for path in self.shared if not self._is_replaced(path))

    def _is_replaced(self, path: str) -> bool:
        """A key of the VM's own table replaces the top-level one of that name whole."""
        first, _, rest = path.partition(".")
        head = rest.partition(".")[0].partition("[")[0]
        return bool(head) and f"{first}.{head}" in self.own_around


def requested(data: Mapping[str, Any]) -> dict[str, Requested]:
    """What is stated of each VM in a configuration of the right shape: plain data, as it was read."""
    shared = tuple(_paths(data.get(_SHARED) or {}, _SHARED))
    shared_around = frozenset(_around(shared))
    found = {}
    for key, vm in data.get("vms", {}).items():
        own = tuple(path for name, value in vm.items() for path in _paths(value, name))
        found[key] = Requested(own, shared, frozenset(_around(own)), shared_around)
    return found


def _paths(value: Any, path: str) -> Iterator[str]:
    """The paths of the values in a table or list; an empty one's own path."""
    if value is None:
        return
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _paths(item, f"{path}.{key}")
    elif isinstance(value, list | tuple) and value:
        for index, item in enumerate(value):
            yield from _paths(item, f"{path}[{index}]")
    else:
        yield path


def _around(paths: tuple[str, ...]) -> Iterator[str]:
    """Every path, and the tables and lists around it."""
    for path in paths:
        yield path
        for index, character in enumerate(path):
            if character in ".[":
                yield path[:index]
