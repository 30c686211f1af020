"""A hand-over that tells all that it does: to the kernel, to the store, and to people."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optimux.errors import OptimuxError
from optimux.host.handover.give import give
from optimux.host.handover.picture import look
from optimux.host.handover.state import Store, _data
from optimux.host.handover.take import Taking
from tests.detect.tree import put
from tests.handover.kernel import Acting, Killed
from tests.handover.machine import BELOW_PORT, CARD, process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from optimux.host.handover.state import State


class Told(Acting):
    """A kernel that keeps in ``trace`` what it is asked for, with its limit of time where one is named."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.trace: list[str] = []

    def write(self, path: str, text: str, seconds: float = 0) -> None:
        self.trace.append(f"write {path} < {text!r}{f' within {seconds:g} s' if seconds else ''}")
        super().write(path, text)

    def run(self, *command: str, seconds: float = 0) -> str:
        self.trace.append(f"run {' '.join(command)}{f' within {seconds:g} s' if seconds else ''}")
        return super().run(*command)

    def rounds(self, seconds: float, step: float = 0.1) -> Iterator[None]:
        self.trace.append(f"wait {seconds:g} s, a look each {step:g} s")
        yield from super().rounds(seconds)


class Kept(Store):
    """A store that tells what it is given, beside what it had."""

    def __init__(self, kernel: Told) -> None:
        super().__init__(str(kernel.tree))
        self._trace = kernel.trace
        self._last: dict[str, Any] = {}

    def write(self, state: State) -> None:
        data = _data(state)
        new = ", ".join(f"{key} {value}" for key, value in data.items() if value != self._last.get(key, ...))
        self._trace.append(f"keep {new}")
        self._last = data
        super().write(state)

    def clear(self, card: str) -> None:
        self._trace.append(f"forget {card}")
        super().clear(card)


class Scene:
    """What a case does with the machine."""

    def __init__(self, kernel: Acting) -> None:
        self.kernel = Told(kernel.tree)
        self.store = Kept(self.kernel)
        self.trace = self.kernel.trace
        self.card = CARD

    def take(self, domain: str | None = None, *stop: str, again: tuple[str, ...] = ("optimux", "give")) -> None:
        root = str(self.kernel.tree)
        self.trace.append(f"== take{f' for {domain}' if domain else ''}")
        taking = Taking(
            self.card, self.kernel, self.store, lambda: look(self.card, root), self._say, domain, stop, again
        )
        self._do(taking.run)

    def give(self, machine: str | None = None) -> None:
        self.trace.append("== give")
        self._do(lambda: give(self.card, self.kernel, self.store, self._say, machine))

    def _say(self, text: str) -> None:
        self.trace.append(f"say {text}")

    def _do(self, action: Callable[[], str]) -> None:
        try:
            self.trace.append(f"= {action()}")
        except (OptimuxError, Killed, KeyboardInterrupt) as error:
            self.trace.append(f"! {type(error).__name__}: {error}")

    def put(self, address: str, name: str, text: str) -> None:
        put(self.kernel.tree, f"{BELOW_PORT}/{address}/{name}", f"{text}\n")

    def process(self, name: str, *opened: str, unit: str = "/system.slice/x.service", uid: int = 0) -> None:
        process(self.kernel.tree, 77, name, uid=uid, cgroup=unit, opened=opened)

    def ends(self, *_: object) -> None:
        shutil.rmtree(self.kernel.tree / "proc/77")
