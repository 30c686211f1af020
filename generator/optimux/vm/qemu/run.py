"""A running machine: process, QMP, qtest and consoles under one ``with``."""

from __future__ import annotations

import os
import signal
import socket
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from optimux.files.scratch import discard, own_folder, temporary_file, write_new
from optimux.notation.qemu.properties import escaped
from optimux.vm.errors import AcceleratorFailed, Crashed, Silent, VmError
from optimux.vm.qemu.console import Console
from optimux.vm.qemu.machine import command_line, flash
from optimux.vm.qemu.process import Process
from optimux.vm.qemu.qmp import Qmp
from optimux.vm.qemu.qtest import Qtest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from optimux.vm.qemu.accel import Accelerator
    from optimux.vm.qemu.machine import Machine
    from optimux.vm.qemu.programs import Ovmf

GREETING_SECONDS = 20.0
_ASK_SECONDS = 0.25  # between two looks at the run state


class Run:
    """The handles on one machine. ``folder`` holds its logs."""

    def __init__(
        self, folder: Path, accelerator: Accelerator, process: Process, qmp: Qmp, qtest: Qtest, memory: int
    ) -> None:
        """``memory`` is a file without a name that QEMU has too, for what is read of the guest's memory."""
        self.folder, self.accelerator, self._memory = folder, accelerator, memory
        self.process, self.qmp, self.qtest = process, qmp, qtest
        self.started = time.monotonic()
        self._asked = 0.0
        self.console = Console(folder / "console.log", self.check_alive)
        self.report = Console(folder / "report.log", self.check_alive)

    @property
    def seconds(self) -> float:
        """Since the machine was started."""
        return time.monotonic() - self.started

    def check_alive(self) -> None:
        """Raises ``AcceleratorFailed`` for a guest that its accelerator killed, ``Crashed`` where a signal ended QEMU,
        ``VmError`` for one that ended.
        """
        if self.process.status is not None:
            raise self._ended("")
        if time.monotonic() - self._asked < _ASK_SECONDS:
            return
        self._asked = time.monotonic()
        try:
            state = self.qmp.execute("query-status")["status"]
        except VmError as error:
            raise self._ended(error.message) from None
        if state == "internal-error":
            name = self.accelerator.name.upper()
            raise self.failure(AcceleratorFailed, f"guests die in {name} with an internal error")
        if state not in ("running", "paused", "prelaunch"):
            raise self.failure(VmError, f"the guest stopped: its state is {state}")

    def read_memory(self, address: int, size: int) -> bytes:
        """Guest-physical memory, by QMP's ``pmemsave``."""
        self.qmp.execute("pmemsave", val=address, size=size, filename=f"/proc/self/fd/{self._memory}")
        return os.pread(self._memory, size, 0)

    def _ended(self, message: str) -> VmError:
        """The end of QEMU itself explains everything else; ``message`` counts where it has not ended."""
        status = self.process.wait_briefly()
        if status is None:
            return self.failure(VmError, message)
        said = self.process.said
        if status < 0:
            return self.failure(Crashed, f"QEMU was killed by {signal.Signals(-status).name}{said}")
        return self.failure(VmError, f"QEMU ended before the guest was done{said}")

    def failure(self, kind: type[VmError], message: str, remedy: str = "") -> VmError:
        """An error with all the evidence of this run."""
        evidence = [*self.process.evidence(), *self.qmp.evidence(), *self.console.evidence()]
        return kind(message, remedy or f"The logs are in {self.folder}.", evidence, self.folder)


@contextmanager
def start(
    machine: Machine,
    accelerator: Accelerator,
    qemu: str,
    folder: Path,
    pass_fds: Sequence[int] = (),
    greeting_seconds: float = GREETING_SECONDS,
) -> Iterator[Run]:
    """Run ``machine`` until the block ends; its logs go to ``folder``, which is created.

    Raises ``VmError`` with the evidence where QEMU ends or hangs before it serves QMP.
    """
    folder = own_folder(folder)
    words = [*command_line(machine, accelerator), *firmware_words(machine.firmware, folder), *_consoles(folder)]
    with launch([qemu, *words], accelerator, folder, pass_fds, greeting_seconds) as run:
        yield run


@contextmanager
def launch(
    command: Sequence[str],
    accelerator: Accelerator,
    folder: Path,
    pass_fds: Sequence[int] = (),
    greeting_seconds: float = GREETING_SECONDS,
) -> Iterator[Run]:
    """Run a QEMU command that has no monitor yet until the block ends; ``folder`` exists.

    QMP and qtest go through sockets that QEMU inherits: no path, so none that could be too long or be left over.
    Raises ``VmError`` with the evidence where QEMU ends or hangs before it serves QMP.
    """
    with ExitStack() as stack:
        (qmp, its_qmp), (qtest, its_qtest) = _pair(stack), _pair(stack)
        memory = stack.enter_context(temporary_file(folder)).fileno()
        inherited = (*pass_fds, its_qmp.fileno(), its_qtest.fileno(), memory)
        words = [*command, *_monitors(its_qmp.fileno(), its_qtest.fileno())]
        process = stack.enter_context(Process(words, folder, inherited))
        its_qmp.close()
        its_qtest.close()
        session = stack.enter_context(Qmp(qmp, folder / "qmp.log"))
        run = Run(folder, accelerator, process, session, Qtest(qtest), memory)
        _greet(run, greeting_seconds)
        try:
            yield run
        except VmError as error:
            if error.folder is not None:
                raise
            raise run.failure(type(error), error.message) from None


def _greet(run: Run, seconds: float) -> None:
    try:
        run.qmp.connect(seconds)
    except Silent as error:
        remedy = f"Does {run.process.command[0]} --version answer? The logs are in {run.folder}."
        raise run.failure(VmError, f"QEMU hangs: {error.message}", remedy) from None
    except VmError as error:
        status = run.process.wait_briefly()
        if status is None:
            raise run.failure(VmError, f"QEMU speaks no QMP: {error.message}") from None
        said = run.process.said or f", with {status} and no word"
        if run.accelerator.name == "kvm" and "kvm" in said.lower():
            raise run.failure(AcceleratorFailed, f"QEMU cannot use KVM{said}") from None
        remedy = f"Correct what it names. The logs are in {run.folder}."
        raise run.failure(VmError, f"QEMU ended at once{said}", remedy) from None


def _pair(stack: ExitStack) -> tuple[socket.socket, socket.socket]:
    ours, theirs = socket.socketpair()
    stack.callback(ours.close)
    stack.callback(theirs.close)
    return ours, theirs


def _monitors(qmp: int, qtest: int) -> list[str]:
    return [
        *("-chardev", f"socket,id=qmp,fd={qmp}", "-mon", "chardev=qmp,mode=control"),
        *("-chardev", f"socket,id=qtest,fd={qtest}", "-object", "qtest,id=qtest0,chardev=qtest,log=none"),
    ]


def _consoles(folder: Path) -> list[str]:
    """The first serial port is the system's console, the second one carries reports that nothing else writes to."""
    words = []
    for name in ("console", "report"):
        discard(folder / f"{name}.log")  # QEMU would follow a link, and write to a file that is there
        path = escaped(str(folder / f"{name}.log"))
        words += ["-chardev", f"file,id={name},path={path}", "-serial", f"chardev:{name}"]
    return words


def firmware_words(firmware: Ovmf | None, folder: Path) -> list[str]:
    """UEFI firmware with variables of its own in ``folder``; nothing for SeaBIOS, which QEMU has."""
    if firmware is None:
        return []
    variables = folder / "variables.fd"
    write_new(variables, Path(firmware.variables).read_bytes())
    return flash(firmware, str(variables))
