"""Guest agents for tests: a made-up Windows guest, and the real program on a socket."""

from __future__ import annotations

import base64
import json
import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from optimux.guest.agent import AgentError, AgentSilent
from optimux.vm.errors import VmError
from optimux.vm.linux import debian_package

Answer = dict[str, Any]


class MadeUp:
    """A transport that answers by a function of the request; every request is kept."""

    def __init__(self, answer: Callable[[Answer], object]) -> None:
        self._answer = answer
        self.requests: list[Answer] = []

    def command(self, request: str, seconds: int) -> str:
        """What the function says: text as it is, anything else as the ``return``; exceptions pass."""
        data = json.loads(request)
        self.requests.append(data)
        result = self._answer(data)
        return result if isinstance(result, str) else json.dumps({"return": result})


class Windows:
    """A guest whose setup goes through given reports, one a boot; answers as the agent in it would."""

    def __init__(self, reports: list[Answer], silent_boots: int = 0, forgets_to_restart: bool = False) -> None:
        self.reports = reports
        self.boot = 0
        self.runs: list[str] = []
        self._restarting = 0
        self._silent_boots = silent_boots
        self._forgets = forgets_to_restart
        self._output = b""
        self._polls = 0
        self._run = ""

    def restart(self) -> None:
        """libvirt asks the guest to restart: it goes away for a while."""
        self._restarting = 3 + self._silent_boots
        if not self._forgets:
            self.boot += 1

    @property
    def report(self) -> bytes:
        """What lies in ProgramData."""
        said = self.reports[min(self.boot, len(self.reports) - 1)]
        return json.dumps(said | {"boot": self._started(), "run": self._run}).encode()

    def _started(self) -> str:
        return f"2026-11-2{self.boot}T00:00:00Z"

    def __call__(self, request: Answer) -> object:
        if self._restarting:
            self._restarting -= 1
            raise AgentSilent("guest agent is not connected")
        return getattr(self, request["execute"].replace("-", "_"))(request.get("arguments", {}))

    def guest_ping(self, _: Answer) -> object:
        """It is there."""
        return {}

    def guest_exec(self, arguments: Answer) -> object:
        """Only PowerShell is asked for."""
        script = arguments["arg"][-1]
        self.runs.append(script)
        self._polls = 2
        if found := re.search(r"-Run (\w+)", script):
            self._run = found[1]
        if "LastBootUpTime" in script:
            self._output = self._started().encode()
        else:
            self._output = self.report if "-Json" in script else b""
        return {"pid": 7}

    def guest_exec_status(self, _: Answer) -> object:
        """Two looks until it ended."""
        self._polls -= 1
        if self._polls > 0:
            return {"exited": False}
        return {"exited": True, "exitcode": 0, "out-data": base64.b64encode(self._output).decode()}

    def guest_file_open(self, _: Answer) -> object:
        """Any name."""
        return 3

    def guest_file_read(self, _: Answer) -> object:
        """All at once."""
        return {"count": len(self.report), "buf-b64": base64.b64encode(self.report).decode(), "eof": True}

    def guest_file_close(self, _: Answer) -> object:
        """Nothing to do."""
        return {}


def report(exit_code: int, **outcomes: str) -> Answer:
    """A report as setup.ps1 writes it; ``outcomes`` by step."""
    rows = [{"step": name, "outcome": kind, "found": "x", "next": ""} for name, kind in outcomes.items()]
    return {
        "format": 1,
        "vm": "w",
        "release": "b7",
        "exit": exit_code,
        "boot": "b",
        "run": "",
        "devices": [],
        "steps": rows,
    }


class Socket:
    """A transport over the agent's own socket, one connection a command."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def command(self, request: str, seconds: int) -> str:
        """The line that comes back."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(seconds)
            try:
                connection.connect(str(self._path))
                connection.sendall(request.encode() + b"\n")
                return connection.makefile().readline()
            except TimeoutError:
                raise AgentSilent("no answer") from None
            except OSError as error:
                raise AgentError(str(error)) from None


@contextmanager
def real_agent(folder: Path) -> Iterator[Socket]:
    """Debian's qemu-ga on a socket in ``folder``. Raises ``VmError`` where it cannot be had."""
    if not debian_package.available():
        raise VmError("no apt to fetch qemu-guest-agent with", "")
    program = debian_package.files_of("qemu-guest-agent", lambda path: path == "usr/sbin/qemu-ga") / "usr/sbin/qemu-ga"
    path = folder / "agent.sock"
    # The loader starts it: files that are only taken out of a package are not executable. QEMU has its libraries.
    line = ["/lib64/ld-linux-x86-64.so.2", str(program), "-m", "unix-listen", "-p", str(path)]
    line += ["-t", str(folder), "-f", str(folder / "pid")]
    with subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        try:
            end = time.monotonic() + 20
            while not path.exists():
                if process.poll() is not None or time.monotonic() > end:
                    raise VmError("qemu-ga did not start", str(process.stderr.read() if process.stderr else ""))
                time.sleep(0.02)
            yield Socket(path)
        finally:
            process.terminate()
