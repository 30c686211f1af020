"""A throwaway copy of a Debian root, with its own mounts, processes and network."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from lab.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType
    from typing import Self

_SCRIPT = Path(__file__).with_name("session.sh")
_NAMESPACES = ("--mount", "--pid", "--ipc", "--uts", "--net", "--cgroup")
_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LC_ALL": "C.UTF-8",
    "TERM": "dumb",
}
_STARTUP_SECONDS = 30
_END_SECONDS = 2


def as_root() -> list[str]:
    """The prefix that makes a command root in a user namespace, where the caller is not root."""
    return [] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--map-auto"]


class Session:
    """Commands that share one throwaway layer over a root; all of them end with the session."""

    def __init__(
        self, root: Path, work: Path, binds: Mapping[Path, str] | None = None, below: Sequence[Path] = ()
    ) -> None:
        """``root``: the unpacked root, never written. ``work``: an empty folder to mount on.

        ``binds`` maps paths of this machine to paths inside, read-only; ``below`` are roots for what this one lacks.
        """
        self._lower = ":".join(map(str, (root, *below)))
        self._pairs = [str(item) for pair in (binds or {}).items() for item in pair]
        self.root, self._work = root, work

    def __enter__(self) -> Self:
        user = ["--map-root-user", "--map-auto"] if os.geteuid() else []
        command = ["unshare", *user, *_NAMESPACES, "--propagation=private", "--fork", "--kill-child"]
        # A file, not a pipe: nobody reads the words of a session that came up.
        with tempfile.TemporaryFile() as words:
            self._init = subprocess.Popen(
                [*command, "sh", str(_SCRIPT), self._lower, str(self._work), *self._pairs],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=words,
            )
            assert self._init.stdout is not None
            answer = self._init.stdout.readline()
            if not answer.strip().isdigit():
                self.close()
                words.seek(0)
                raise OSError(f"no session over {self.root}: {words.read().decode(errors='replace')}")
        self._pid = int(answer)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End every process of the session; its layer goes with it.

        Nobody waits long for the last of them: where one outside was killed that had started it, it is gone when the
        machine's first process has looked, which takes half a minute in some containers.
        """
        assert self._init.stdin is not None
        assert self._init.stdout is not None
        self._init.stdin.close()
        self._init.stdout.close()
        try:
            self._init.wait(timeout=_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._init.kill()
            self._init.wait()

    def entering(self, user: int = 0) -> list[str]:
        """The prefix that runs a command inside; descriptors that it inherits stay open."""
        namespaces = ["--mount", "--pid", "--ipc", "--uts", "--net", "--cgroup"]
        if os.geteuid():
            namespaces.append("--user")
        ids = [f"--setuid={user}", f"--setgid={user}"] if user else []
        return ["nsenter", f"--target={self._pid}", *namespaces, "--root", "--wd", *ids, "--"]

    def run_bytes(
        self,
        command: Sequence[str],
        *,
        input: bytes = b"",
        timeout: float = 60,
        check: bool = True,
        env: Mapping[str, str] | None = None,
        user: int = 0,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command inside, with ``input`` as its standard input.

        ``env`` adds to a small fixed environment; ``user`` is a numeric user and group id.
        Raises ``Refused`` for a non-zero exit status when ``check``, ``TimeoutExpired`` after ``timeout`` seconds.
        """
        done = subprocess.run(
            [*self.entering(user), *command],
            input=input,
            capture_output=True,
            timeout=timeout,
            check=False,
            env=_ENVIRONMENT | dict(env or {}),
        )
        if check and done.returncode:
            words = (done.stderr + done.stdout).decode(errors="replace").strip()
            raise Refused(f"{shlex.join(command)} exited with {done.returncode}: {words}")
        return done

    def run(
        self,
        command: Sequence[str],
        *,
        input: str | bytes = b"",
        timeout: float = 60,
        check: bool = True,
        env: Mapping[str, str] | None = None,
        user: int = 0,
    ) -> subprocess.CompletedProcess[str]:
        """Like ``run_bytes``, with text on standard output and error."""
        data = input.encode() if isinstance(input, str) else input
        done = self.run_bytes(command, input=data, timeout=timeout, check=check, env=env, user=user)
        out, err = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
        return subprocess.CompletedProcess(done.args, done.returncode, out, err)

    def start(self, command: Sequence[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
        """Start a command inside that runs until the session ends, its output going to ``log``."""
        return subprocess.Popen(
            [*self.entering(0), *command], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=_ENVIRONMENT
        )

    @staticmethod
    def end(started: subprocess.Popen[bytes]) -> None:
        """Kill what was started, and wait for it.

        Killed with it, ``nsenter`` would leave it to the machine's first process, and the session, which ends when
        all of its processes are gone, to whenever that looks: a second and more in some containers.
        """
        if started.poll() is None:  # from here on it is there, if only for this program to look at its end
            for child in Path(f"/proc/{started.pid}/task/{started.pid}/children").read_text().split():
                with suppress(ProcessLookupError):
                    os.kill(int(child), signal.SIGKILL)
        try:
            started.wait(timeout=1)
        except subprocess.TimeoutExpired:  # it had not come as far as to start anything
            started.kill()
            started.wait(timeout=_STARTUP_SECONDS)

    def put(self, path: str, content: str | bytes, mode: int = 0o644) -> None:
        """Write a file inside, with the folders above it."""
        data = content.encode() if isinstance(content, str) else content
        # As few programs as there can be: the tests do this a thousand times.
        script = 'above=${1%/*}; [ -d "${above:-/}" ] || mkdir -p "$above" && cat >"$1" && chmod "$2" "$1"'
        self.run(["sh", "-c", script, "put", path, f"{mode:o}"], input=data)

    def read(self, path: str) -> bytes:
        """The bytes of a file inside."""
        return self.run_bytes(["cat", path]).stdout
