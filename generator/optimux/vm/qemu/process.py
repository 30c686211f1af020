"""A child process that never outlives its ``with`` block, nor this program."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from typing import TYPE_CHECKING

from optimux.files.scratch import open_new, write_new
from optimux.vm.errors import VmError, tail

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self

_END_SECONDS = 10
_BRIEF_SECONDS = 2
_PR_SET_PDEATHSIG = 1


class Process:
    """QEMU, or what stands for it: its own process group, its words in ``folder``."""

    def __init__(self, command: Sequence[str], folder: Path, pass_fds: Sequence[int] = ()) -> None:
        """``folder`` takes ``command.txt`` and ``qemu.log``; ``pass_fds`` are kept open in the child."""
        self.command, self.folder = list(command), folder
        self._pass_fds = tuple(pass_fds)
        self._log = folder / "qemu.log"

    def __enter__(self) -> Self:
        """Start it. Raises ``VmError`` where the program cannot be run."""
        write_new(self.folder / "command.txt", os.fsencode(shlex.join(self.command) + "\n"))
        with open_new(self._log) as log:
            try:
                self._child = subprocess.Popen(
                    self.command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=self._pass_fds,
                    start_new_session=True,
                    preexec_fn=dies_with_parent(),
                )
            except OSError as error:
                remedy = "Check that it is installed and executable."
                raise VmError(f"{self.command[0]} cannot be started: {error.strerror}", remedy) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._child.pid

    @property
    def status(self) -> int | None:
        """The exit status, ``None`` while it runs."""
        return self._child.poll()

    @property
    def words(self) -> str:
        """What it wrote on standard output and error."""
        return self._log.read_text(errors="replace")

    @property
    def said(self) -> str:
        """Its last line behind a colon, to end a sentence with; nothing where it said nothing."""
        return "".join(f": {line}" for line in self.words.strip().splitlines()[-1:])

    def wait_briefly(self) -> int | None:
        """The exit status of a process that seems to end, ``None`` where it does not."""
        try:
            return self._child.wait(_BRIEF_SECONDS)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float) -> int:
        """The exit status. Raises ``VmError`` when it still runs after ``timeout`` seconds."""
        try:
            return self._child.wait(timeout)
        except subprocess.TimeoutExpired:
            raise VmError(f"{self.command[0]} still runs after {timeout:g} s", "See its logs.") from None

    def stop(self) -> None:
        """End the whole group at once: a throwaway machine has nothing to save."""
        if self._child.poll() is None:
            os.killpg(self._child.pid, signal.SIGKILL)
        self._child.wait(_END_SECONDS)

    def evidence(self) -> list[tuple[str, str]]:
        """What an error should show of it."""
        status = self.status
        state = "running" if status is None else f"exited with {status}" if status >= 0 else _signal_name(status)
        return [
            ("command", shlex.join(self.command)),
            ("state", state),
            ("QEMU said", tail(self.words)),
        ]


def _signal_name(status: int) -> str:
    return f"killed by {signal.Signals(-status).name}"


def dies_with_parent() -> Callable[[], None]:
    """What a child does first: ask the kernel to be killed when this program, its parent, dies (prctl(2))."""
    import ctypes

    libc, parent = ctypes.CDLL(None), os.getpid()

    def ask() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the request
            os._exit(1)

    return ask
