"""The running kernel as hand-over changes it: every call in a child with a time limit, so that none can hang a caller.

A writer that waits inside the kernel cannot be ended. It is left behind, without any of our descriptors: whoever
waits for our output, as libvirt does, must not wait for it too.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import subprocess
import time
from typing import TYPE_CHECKING, NoReturn

from optimux.errors import OptimuxError

if TYPE_CHECKING:
    from collections.abc import Iterator

WRITE_SECONDS = 3.0
UNBIND_SECONDS = 8.0  # xhci with hubs and a GPU's own shutdown take one to three
RUN_SECONDS = 10.0
_KILL_SECONDS = 0.2  # what waits in the kernel dies only once that lets go
# errno that a writer's exit status can tell; its highest values are the child's own.
_NO_ERRNO = 255


class Refused(OptimuxError):  # noqa: N818 - what the kernel did, not what went wrong
    """The kernel, or a program, refused; nothing came of this step."""


class Stuck(Refused):
    """A step did not end in its time; process ``pid`` is still at it."""

    def __init__(self, what: str, pid: int) -> None:
        super().__init__(f"{what} did not end in time; process {pid} still waits for it inside the kernel")
        self.pid = pid


class Kernel:
    """/sys, /proc and the few programs, beneath ``root`` for reading."""

    def __init__(self, root: str = "/") -> None:
        self.root = root.rstrip("/")

    def text(self, path: str) -> str | None:
        """A file's text; ``None`` where it cannot be read."""
        try:
            with open(self.root + path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123
                return file.read().strip("\0 \n")
        except OSError:
            return None

    def target(self, path: str) -> str | None:
        """The last part of a link's target; ``None`` where there is none."""
        try:
            return os.readlink(self.root + path).rpartition("/")[2]  # noqa: PTH115
        except OSError:
            return None

    def exists(self, path: str) -> bool:
        """Whether something is there."""
        return os.path.lexists(self.root + path)

    def write(self, path: str, text: str, seconds: float = WRITE_SECONDS) -> None:
        """Write an attribute. Raises ``Refused`` with the kernel's reason, or ``Stuck``."""
        child = os.fork()
        if child == 0:
            _write(self.root + path, text.encode())
        status = _within(child, seconds)
        if status is None:
            os.kill(child, signal.SIGKILL)
            if _within(child, _KILL_SECONDS) is None:
                raise Stuck(f"writing {path}", child)
            raise Refused(f"{path} took {text.strip()!r} for more than {seconds:g} s")
        code = os.waitstatus_to_exitcode(status)
        if code:
            reason = os.strerror(code) if 0 < code < _NO_ERRNO else f"the writer ended with {code}"
            raise Refused(f"{path} refused {text.strip()!r}: {reason}")

    def run(self, *command: str, seconds: float = RUN_SECONDS) -> str:
        """A program's output. Raises ``Refused`` with what it said, or ``Stuck``."""
        try:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise Refused(f"{command[0]} cannot be run: {error.strerror}") from None
        try:
            said, _ = child.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            child.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(_KILL_SECONDS)
                raise Refused(f"{' '.join(command)} did not end within {seconds:g} s") from None
            raise Stuck(" ".join(command), child.pid) from None
        text = said.decode("utf-8", "replace").strip()
        if child.returncode:
            raise Refused(f"{' '.join(command)}: {text or f'ended with {child.returncode}'}")
        return text

    @property
    def systemd(self) -> bool:
        """Whether systemd runs this system (sd_booted(3))."""
        return self.exists("/run/systemd/system")

    def alive(self, pid: int) -> bool:
        """Whether a process is there, as more than its status."""
        return (self.text(f"/proc/{pid}/stat") or ") Z").rpartition(")")[2].split()[:1] != ["Z"]

    def rounds(self, seconds: float, step: float = 0.1) -> Iterator[None]:
        """Turns of a loop that waits, until the time is over."""
        end = time.monotonic() + seconds
        while True:
            yield
            if time.monotonic() >= end:
                return
            time.sleep(step)


def _write(path: str, content: bytes) -> NoReturn:
    """In the child: one write, and its errno as the exit status."""
    code = _NO_ERRNO
    try:
        os.setsid()
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        os.closerange(3, 1 << 12)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        os.write(descriptor, content)
        code = 0
    except OSError as error:
        code = error.errno or errno.EIO
    finally:
        os._exit(code)


def _within(child: int, seconds: float) -> int | None:
    """The child's status once it ends, or ``None`` where it has not in time."""
    handle = os.pidfd_open(child)
    try:
        waiter = select.poll()
        waiter.register(handle, select.POLLIN)
        waiter.poll(seconds * 1000)
    finally:
        os.close(handle)
    done, status = os.waitpid(child, os.WNOHANG)
    return status if done else None
