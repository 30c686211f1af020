"""Windows' installation as it goes: the key that its medium waits for, the agent at the end, nothing left behind."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from optimux.errors import OptimuxError
from optimux.guest.agent import AgentError

if TYPE_CHECKING:
    from collections.abc import Callable

# Windows' boot loader shows "Press any key to boot from CD or DVD" for some five seconds, some time after the firmware.
# Later boots must not see a key: they would begin the installation anew.
KEY_SECONDS = 20
POLL = 5.0
TELL = 300.0


class Machine(Protocol):
    """A domain in the variant that it installs in."""

    def start(self) -> None:
        """Start it."""

    def press(self) -> None:
        """Press Enter."""

    def is_running(self) -> bool:
        """Whether it runs."""

    def ping(self) -> None:
        """Ask the guest agent. Raises ``AgentError`` while nobody answers."""

    def eject(self) -> None:
        """Take the answers' medium out; nothing where it is out, or the machine off."""


class Installation:
    """One installation. ``discard`` deletes the answers' medium; ``now`` and ``sleep`` are the clock, in seconds."""

    def __init__(
        self,
        machine: Machine,
        discard: Callable[[], None],
        say: Callable[[str], None],
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._machine = machine
        self._discard = discard
        self._say = say
        self._now = now
        self._sleep = sleep

    def run(self, seconds: float) -> None:
        """Until the agent answers. Raises ``OptimuxError`` where the machine stops, or after ``seconds``.

        However it ends, interrupted too, the medium with the password is taken out and deleted.
        """
        try:
            self._machine.start()
            self._press()
            self._wait(seconds)
        finally:
            try:
                self._machine.eject()
            finally:
                self._discard()

    def _press(self) -> None:
        self._say(f"pressing Enter for {KEY_SECONDS} s, so that the machine starts from Windows' medium")
        for _ in range(KEY_SECONDS):
            self._sleep(1)
            self._machine.press()

    def _wait(self, seconds: float) -> None:
        start = told = self._now()
        while True:
            try:
                self._machine.ping()
                return
            except AgentError:
                pass
            if not self._machine.is_running():
                raise OptimuxError(
                    "the machine is off before the guest agent answered. Setup shuts it down where its disk is missing "
                    "or not empty: nothing was changed then."
                )
            if self._now() - start >= seconds:
                raise OptimuxError(
                    f"the guest agent did not answer within {seconds / 60:.0f} minutes; the machine still runs. Look "
                    "at its display (virt-viewer). The answers' medium was taken out and deleted."
                )
            if self._now() - told >= TELL:
                told = self._now()
                self._say(f"still waiting after {(told - start) / 60:.0f} minutes")
            self._sleep(POLL)
