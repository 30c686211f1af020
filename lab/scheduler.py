"""xdist's scheduling by groups, without counting at the end of each test all that ended before it.

Of eight thousand tests xdist looks at each again whenever another ends: sixteen million looks, three seconds of the
process that watches the workers, which get their next test later for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdist.scheduler import LoadGroupScheduling  # type: ignore[import-untyped]  # it says nothing of its types

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import SupportsIndex

    from xdist.workermanage import WorkerController  # type: ignore[import-untyped]  # nor here


class _Collected(list[str]):
    """The tests of a worker, whose numbers are known."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(names)
        self._numbers = {name: number for number, name in enumerate(names)}

    def index(self, value: str, start: SupportsIndex = 0, stop: SupportsIndex = 0) -> int:
        """Where it is; the bounds are for a list's signature alone."""
        return self._numbers[value]


class Scheduling(LoadGroupScheduling):  # type: ignore[misc]  # for the same reason
    """A unit of work that is done is no longer a worker's."""

    def add_node_collection(self, node: WorkerController, collection: Sequence[str]) -> None:
        """See xdist."""
        super().add_node_collection(node, collection)
        if node in self.registered_collections:
            self.registered_collections[node] = _Collected(collection)

    def mark_test_complete(self, node: WorkerController, item_index: int, duration: float = 0) -> None:
        """See xdist."""
        test = self.registered_collections[node][item_index]
        units, name = self.assigned_work[node], self._split_scope(test)
        units[name][test] = True
        if all(units[name].values()):
            del units[name]
        self._reschedule(node)
