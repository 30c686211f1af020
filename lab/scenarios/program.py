"""The ``optimux`` program as a child of this process, with its modules imported: on an emulated machine starting Python
and importing take longer than all that hand-over does.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import IO, NoReturn


def called(*arguments: str, seconds: float) -> tuple[int, str, str, float]:
    """The exit status of ``optimux ARGUMENTS``, its output, its errors, and how long it took.

    Raises ``TimeoutExpired`` after ``seconds``.
    """
    _imported()
    start = time.monotonic()
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        child = os.fork()
        if child == 0:
            _be_the_program(arguments, output, errors)
        status = _ended(child, seconds, ["optimux", *arguments])
        took = time.monotonic() - start
        said = [os.pread(file.fileno(), 1 << 20, 0).decode(errors="replace") for file in (output, errors)]
    return status, said[0], said[1], took


@cache
def _imported() -> None:
    """What ``optimux gpu`` uses; its verbs import nearly all of it, and read the rules, only when they run."""
    import optimux.host.handover as room
    from optimux.cli import run

    for module in pkgutil.iter_modules(room.__path__):
        import_module(f"{room.__name__}.{module.name}")
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        run(["gpu", "status"])


def _be_the_program(arguments: tuple[str, ...], output: IO[bytes], errors: IO[bytes]) -> None:
    """In the child: never returns."""
    from optimux.cli import main

    code = 1
    try:
        nothing = os.open(os.devnull, os.O_RDONLY)
        for number, file in enumerate((nothing, output.fileno(), errors.fileno())):
            os.dup2(file, number)
        sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115
        main(list(arguments))
    except SystemExit as leaving:
        code = int(leaving.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


# Has the program run with the output of this process, and ends as it does; where nobody serves it, it is started.
_CLIENT = """#!/bin/bash
exec 3<>/dev/tcp/127.0.0.1/@port@ 4>&1 5>&2 || exec @program@ "$@"
echo "$$ $*" >&3
read -r status <&3
exit "${status:-1}"
"""
_PR_SET_PDEATHSIG = 1  # sys/prctl.h


@cache
def serve(client: str, instead: str) -> None:
    """Make ``client`` the program ``instead``, run by a child of this process with its modules imported.

    For those whom others start: libvirt's hook. It is killed when whoever started it is, and has no input.
    """
    _imported()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        if os.fork() == 0:
            _serve(listening)
        port = listening.getsockname()[1]
    Path(client).write_text(_CLIENT.replace("@port@", str(port)).replace("@program@", instead))
    Path(client).chmod(0o755)


def _serve(listening: socket.socket) -> NoReturn:
    """In the child, until its parent ends; a child for each that asks."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        asking, _ = listening.accept()
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            try:
                asking.sendall(f"{_answer(asking)}\n".encode())
            finally:
                os._exit(0)
        asking.close()


def _answer(asking: socket.socket) -> int:
    """The exit status of the program, run for the process that asks, and no longer than that lasts."""
    number, *arguments = asking.makefile().readline().split()
    with contextlib.ExitStack() as stack:
        output, errors = (
            stack.enter_context(open(f"/proc/{number}/fd/{stream}", "wb", buffering=0))  # noqa: PTH123
            for stream in (4, 5)  # while bash writes to the socket it is the shell's descriptor 1
        )
        child = os.fork()
        if child == 0:
            asking.close()
            _be_the_program(tuple(arguments), output, errors)
    handle = os.pidfd_open(child)
    if asking.fileno() in select.select([handle, asking.fileno()], [], [])[0]:
        os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _ended(child: int, seconds: float, command: list[str]) -> int:
    """As ``subprocess`` says it: a signal's number is negative."""
    handle = os.pidfd_open(child)
    try:
        late = not select.select([handle], [], [], seconds)[0]
    finally:
        os.close(handle)
    if late:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if late:
        raise subprocess.TimeoutExpired(command, seconds)
    return os.waitstatus_to_exitcode(status)
