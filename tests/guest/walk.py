"""The walk of setup.ps1 (Invoke-Step and the loop around it) over a made-up guest that can be killed at any point."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from optimux.emit.guest.steps import Step


class Killed(Exception):  # noqa: N818 - it says what happened
    """The guest lost power."""


class Guest:
    """What holds in it, what was done to it, and the state that the setup keeps on its disk."""

    def __init__(self, steps: Sequence[Step], kill_after: int | None = None, broken: str = "") -> None:
        self.holds = {step.name for step in steps if step.act is None}
        self.waiting: set[str] = set()  # done, and holds only behind a restart
        self.acted: dict[str, int] = {}
        self.boot = 0
        self.acts: Counter[str] = Counter()
        self.log: list[str] = []
        self.kill_after = kill_after
        self.broken = broken

    def tick(self, what: str) -> None:
        """A point at which the power may go."""
        self.log.append(what)
        if self.kill_after is not None and len(self.log) > self.kill_after:
            raise Killed(what)

    def restart(self) -> None:
        """What waited for it holds."""
        self.boot += 1
        self.holds |= self.waiting
        self.waiting.clear()


def walk(guest: Guest, steps: Sequence[Step]) -> int:
    """One run of the setup: its exit code. The lines are those of Invoke-Step, in its order."""
    for step in steps:
        outcome = _step(guest, step)
        if outcome != "holds":
            return {"restart": 3010, "failed": 1}[outcome]
    return 0


def _step(guest: Guest, step: Step) -> str:
    guest.tick(f"test {step.name}")
    if step.name in guest.holds:
        return "holds"
    if step.name in guest.acted and guest.acted[step.name] != guest.boot:
        if f"{step.name}.again" in guest.acted:
            return "failed"
        guest.acted[f"{step.name}.again"] = guest.boot
    guest.acted[step.name] = guest.boot
    guest.tick(f"state {step.name}")
    guest.acts[step.name] += 1
    if step.name != guest.broken:
        (guest.waiting if step.restarts else guest.holds).add(step.name)
    guest.tick(f"act {step.name}")
    if step.restarts:
        return "restart"
    return "holds" if step.name in guest.holds else "failed"
