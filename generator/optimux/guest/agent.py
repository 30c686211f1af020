"""QEMU's guest agent: commands as JSON over whatever carries them, each bounded in time.

Source: qga/qapi-schema.json of QEMU 10. In Windows ``guest-exec`` runs in session 0, which has no displays, and hands
on output in the OEM code page: what is read back is ASCII, or a file.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from optimux.errors import OptimuxError
from optimux.record import Record

Clock = Callable[[], float]
_POLL = 0.5  # seconds between two looks at a running program
_CHUNK = 48 << 10  # bytes a read: the agent refuses more than 48 MiB, libvirt's messages end at 4 MiB
MOST_READ = 8 << 20


class AgentError(OptimuxError):
    """The agent refused, or answered something that is no answer."""


class AgentSilent(AgentError):  # noqa: N818 - it names what the agent is
    """No answer within the time."""


class Transport(Protocol):
    """What carries a command: libvirt, or a socket."""

    def command(self, request: str, seconds: int) -> str:
        """The agent's answer. Raises ``AgentSilent`` after ``seconds``, ``AgentError`` for a refusal."""


class Finished(Record):
    """A program that ended: its exit code, what it printed, and whether the agent cut that off."""

    exit_code: int
    output: bytes
    errors: bytes
    is_truncated: bool


class Agent:
    """A guest's agent. ``now`` and ``sleep`` are the clock, in seconds."""

    def __init__(
        self, transport: Transport, now: Clock = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._transport = transport
        self.now = now
        self.sleep = sleep

    def call(self, name: str, arguments: Mapping[str, object] | None = None, seconds: int = 10) -> Any:
        """The ``return`` of a command. Raises ``AgentSilent`` and ``AgentError``."""
        request: dict[str, object] = {"execute": name}
        if arguments:
            request["arguments"] = arguments
        text = self._transport.command(json.dumps(request), seconds)
        try:
            answer = json.loads(text)
        except ValueError:
            raise AgentError(f"the guest agent answered {name} with no JSON: {text[:80]!r}") from None
        if not isinstance(answer, dict) or "return" not in answer:
            error = answer.get("error", {}) if isinstance(answer, dict) else {}
            said = error.get("desc") if isinstance(error, dict) else None
            raise AgentError(f"the guest agent refused {name}: {said or text[:80]}")
        return answer["return"]

    def wait(self, seconds: float) -> None:
        """Until the agent answers a ping. Raises ``AgentSilent`` after ``seconds``."""
        end = self.now() + seconds
        while True:
            try:
                self.call("guest-ping", seconds=5)
                return
            except AgentError as error:
                if self.now() >= end:
                    raise AgentSilent(f"the guest agent did not answer within {seconds:.0f} s: {error}") from None
                self.sleep(_POLL)

    def run(
        self, program: str, arguments: Sequence[str], seconds: float, while_running: Callable[[], None] | None = None
    ) -> Finished:
        """Run a program in the guest to its end. A silent agent in between is asked again until the time is over.

        Raises ``AgentSilent`` after ``seconds``; the program then still runs in the guest.
        """
        end = self.now() + seconds
        started = self.call("guest-exec", {"path": program, "arg": list(arguments), "capture-output": True})
        pid = started.get("pid") if isinstance(started, dict) else None
        if not isinstance(pid, int):
            raise AgentError(f"the guest agent started {program} without a pid: {started!r}")
        while True:
            status = self._status(pid)
            if status is not None and status.get("exited"):
                return _finished(status)
            if self.now() >= end:
                raise AgentSilent(f"{program} did not end within {seconds:.0f} s; it still runs in the guest")
            if while_running is not None:
                while_running()
            self.sleep(_POLL)

    def _status(self, pid: int) -> dict[str, Any] | None:
        """``None`` while the agent is silent: an installer may stop it for a while."""
        try:
            status = self.call("guest-exec-status", {"pid": pid})
        except AgentSilent:
            return None
        if not isinstance(status, dict):
            raise AgentError(f"the guest agent answered guest-exec-status with {status!r}")
        return status

    def read_file(self, path: str) -> bytes:
        """A file of the guest, at most 8 MiB. Raises ``AgentError`` where it cannot be read."""
        handle = self.call("guest-file-open", {"path": path, "mode": "rb"})
        try:
            content = b""
            while True:
                piece = self.call("guest-file-read", {"handle": handle, "count": _CHUNK})
                content += base64.b64decode(piece["buf-b64"])
                if len(content) > MOST_READ:
                    raise AgentError(f"{path} in the guest is larger than {MOST_READ >> 20} MiB")
                if piece.get("eof") or not piece["count"]:
                    return content
        finally:
            self.call("guest-file-close", {"handle": handle})


def _finished(status: Mapping[str, Any]) -> Finished:
    """A program that a signal ended has no exit code: it counts as -1."""
    return Finished(
        int(status.get("exitcode", -1)),
        base64.b64decode(status.get("out-data", "")),
        base64.b64decode(status.get("err-data", "")),
        bool(status.get("out-truncated") or status.get("err-truncated")),
    )
