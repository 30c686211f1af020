"""One QMP connection, spoken through the qemu.qmp library, every exchange recorded."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from optimux.files.scratch import append, write_new
from optimux.vm.errors import Silent, VmError, tail

if TYPE_CHECKING:
    import asyncio
    import socket
    from collections.abc import Coroutine
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from qemu.qmp import QMPClient

_ANSWER_SECONDS = 20.0
_REMEDY = "See the logs of the run."


class Qmp:
    """Commands to a running QEMU, answered in order; ``log`` gets one JSON line per message."""

    def __init__(self, connection: socket.socket, log: Path) -> None:
        self._socket, self._log, self._started = connection, log, time.monotonic()
        self.events: list[dict[str, Any]] = []
        self.version = ""
        write_new(log, b"")

    def connect(self, timeout: float) -> None:
        """Wait for the greeting. Raises ``Silent`` when none comes, ``VmError`` when the other side hangs up."""
        import asyncio
        import logging

        from qemu.qmp import ConnectError, QMPClient

        logging.getLogger("qemu.qmp").setLevel(logging.CRITICAL)  # its failures reach the caller as exceptions
        self._runner: asyncio.Runner = asyncio.Runner()
        self._client: QMPClient = QMPClient("optimux")
        try:
            self._run(self._client.connect(self._socket), timeout)
        except TimeoutError:
            raise Silent(f"no QMP greeting within {timeout:g} s", "QEMU hangs before it serves QMP.") from None
        except (ConnectError, OSError) as error:
            raise VmError(f"QEMU hung up before its QMP greeting ({error})", _REMEDY) from None
        if greeting := self._client.greeting:
            numbers: Any = greeting.QMP.version["qemu"]
            self.version = f"{numbers['major']}.{numbers['minor']}.{numbers['micro']}"
        self._record("greeting", self.version)

    def execute(self, command: str, timeout: float = _ANSWER_SECONDS, **arguments: Any) -> Any:
        """The answer to a command. Underscores in argument names become dashes.

        Raises ``VmError`` with QEMU's own words for an error, ``Silent`` when no answer comes.
        """
        from qemu.qmp import ExecuteError, QMPError

        given = {name.replace("_", "-"): value for name, value in arguments.items()}
        self._record("execute", command, given)
        try:
            answer = self._run(self._client.execute(command, given or None), timeout)
        except TimeoutError:
            raise Silent(f"QEMU did not answer {command} within {timeout:g} s", _REMEDY, self.evidence()) from None
        except ExecuteError as error:
            self._record("error", str(error))
            raise VmError(f"QEMU refused {command}: {error}", _REMEDY, self.evidence()) from None
        except (QMPError, OSError) as error:
            raise VmError(f"QMP broke off at {command} ({error})", _REMEDY, self.evidence()) from None
        self._record("return", answer)
        self._collect()
        return answer

    def saw(self, event: str) -> bool:
        """Whether an event of this name came so far."""
        self._collect()
        return any(seen["event"] == event for seen in self.events)

    def evidence(self) -> list[tuple[str, str]]:
        """The last exchanges."""
        return [("last QMP messages", tail(self._log.read_text()))]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if hasattr(self, "_runner"):
            self._hang_up()
            self._runner.close()
        self._socket.close()

    def _hang_up(self) -> None:
        import contextlib

        # However the other side ended, there is nothing left to say to it.
        with contextlib.suppress(Exception):
            self._run(self._client.disconnect(), 2)

    def _run(self, work: Coroutine[Any, Any, Any], timeout: float) -> Any:
        import asyncio

        return self._runner.run(_bounded(asyncio, work, timeout))

    def _collect(self) -> None:
        for message in self._client.events.clear():
            event = dict(message)
            self.events.append(event)
            self._record("event", event)

    def _record(self, kind: str, *content: Any) -> None:
        line = json.dumps([round(time.monotonic() - self._started, 3), kind, *content]) + "\n"
        append(self._log, line.encode())


async def _bounded(asyncio: Any, work: Coroutine[Any, Any, Any], timeout: float) -> Any:
    return await asyncio.wait_for(work, timeout)
