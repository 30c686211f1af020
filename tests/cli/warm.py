"""The command in a process of its own that need not load the product first: a fork of one that has.

One warm process serves a worker. It is a bare Python that loaded the command's modules and ran nothing of them; of each
request it makes a fork with its own streams, folder and environment, which runs ``main`` and ends as any Python does.
What Python itself reads from its environment as it begins is the warm process's: who changes that starts a new one.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import socket
import struct
import subprocess
import sys
import threading
from functools import cache
from pathlib import Path

_SERVER = """
import json, os, pkgutil, socket, struct, sys
control = socket.socket(fileno=int(sys.argv[1]))
import optimux.cli
for module in pkgutil.walk_packages(optimux.__path__, "optimux."):
    if not module.name.endswith("__main__"):
        try:
            __import__(module.name)
        except ImportError:  # what is not installed here
            pass
while True:
    data, streams, _, _ = socket.recv_fds(control, 1 << 20, 3)
    if not data:
        os._exit(0)
    child = os.fork()
    if not child:
        break
    for stream in streams:
        os.close(stream)
    control.sendall(struct.pack("i", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])))
control.close()
for number, stream in enumerate(streams):
    os.dup2(stream, number)
    os.close(stream)
request = json.loads(data)
os.chdir(request["folder"])
os.environ.clear()
os.environ.update(request["environment"])
sys.argv[1:] = request["arguments"]
from optimux.cli import main
main()
"""


class _Warm:
    """The warm process and the socket to it. Ends with this process."""

    def __init__(self, environment: dict[str, str]) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            line = [sys.executable, "-c", _SERVER, str(theirs.fileno())]
            self._process = subprocess.Popen(
                line, env=environment, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
            )
        self._control, self._owner = ours, os.getpid()
        atexit.register(self.end)

    def run(self, request: bytes, streams: list[int]) -> int:
        """The exit code. Raises ``TimeoutError``."""
        self._control.settimeout(60)
        try:
            socket.send_fds(self._control, [request], streams)
            for stream in streams:
                os.close(stream)
            return int(struct.unpack("i", self._control.recv(4))[0])
        except BaseException:
            self.end()
            _warm.cache_clear()
            raise

    def end(self) -> None:
        """Once, by whoever made it: forks of this process leave it alone."""
        if self._owner == os.getpid():
            self._control.close()
            self._process.kill()
            self._process.wait()


@cache
def _warm(owner: int, read_at_start: tuple[tuple[str, str], ...]) -> _Warm:
    """One for each process, and for what Python reads as it begins."""
    return _Warm(os.environ | dict(read_at_start))


def run(
    arguments: tuple[str, ...], *, folder: Path, given: bytes, environment: dict[str, str]
) -> subprocess.CompletedProcess[bytes]:
    """``optimux`` with arguments; none of its streams is a terminal."""
    request = {"arguments": arguments, "folder": str(folder), "environment": environment}
    pipes = [os.pipe() for _ in range(3)]
    (their_in, our_in), (our_out, their_out), (our_err, their_err) = pipes
    found: dict[int, bytes] = {}

    def read(stream: int) -> None:
        with os.fdopen(stream, "rb") as file:
            found[stream] = file.read()

    def write() -> None:
        with contextlib.suppress(BrokenPipeError), os.fdopen(our_in, "wb") as file:
            file.write(given)

    threads = [
        threading.Thread(target=write),
        *(threading.Thread(target=read, args=[end]) for end in (our_out, our_err)),
    ]
    for thread in threads:
        thread.start()
    at_start = {name: value for name, value in environment.items() if name.startswith(("PYTHON", "LC_", "LANG"))}
    warm = _warm(os.getpid(), tuple(sorted(at_start.items())))
    code = warm.run(json.dumps(request).encode(), [their_in, their_out, their_err])
    for thread in threads:
        thread.join(60)
    return subprocess.CompletedProcess(["optimux", *arguments], code, found[our_out], found[our_err])
