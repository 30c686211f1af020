"""Who holds a card: a process and the node that it has, in words that lead to its end."""

from __future__ import annotations

from optimux.record import Record

OPEN, MAPPED, THREAD = "open", "mapped", "open in a thread's own table"


class Use(Record):
    """One process at one node. ``tid`` where only that thread has it."""

    pid: int
    node: str
    function: str
    how: str
    tid: int | None = None


class Holder(Record):
    """One process with every node of the card that it has."""

    pid: int
    program: str
    user: str
    uses: tuple[Use, ...]
    unit: str | None = None  # the innermost service or scope of systemd's
    user_unit: bool = False  # whether it is one of a user's manager
    session: str | None = None
    state: str = ""  # as in /proc/PID/stat; "frozen" where its cgroup is
    own_namespace: bool = False  # whether it sees other mounts, or counts processes otherwise, than pid 1

    @property
    def nodes(self) -> tuple[str, ...]:
        """The names of the nodes."""
        return tuple(dict.fromkeys(use.node for use in self.uses))

    def __str__(self) -> str:
        how = ", ".join(
            f"{use.node}{'' if use.how == OPEN else f' ({use.how})'}" for use in {u.node: u for u in self.uses}.values()
        )
        where = self.unit or (f"session {self.session}" if self.session else "")
        extra = [word for word in (where, "in namespaces of its own" if self.own_namespace else "") if word]
        state = f", {self.state}" if self.state == "frozen" else ""
        beside = f" ({'; '.join(extra)})" if extra else ""
        return f"{self.program}, process {self.pid} of {self.user}{beside}{state}: {how}"
