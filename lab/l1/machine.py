"""The L1 machine, booted, and the channel to the code that runs in it."""

from __future__ import annotations

import itertools
import json
import secrets
import select
import socket
import time
import tomllib
import warnings
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.l1.clock import kilohertz
from lab.l1.qemu import qemu_of
from optimux.vm.errors import AcceleratorFailed, Crashed, VmError
from optimux.vm.qemu.accel import accelerated
from optimux.vm.qemu.machine import Kernel, Machine
from optimux.vm.qemu.run import start

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lab.consumers.roots import Root
    from lab.l1.image import Image
    from optimux.vm.qemu.accel import Accelerator
    from optimux.vm.qemu.run import Run

_BOOT_SECONDS = 900  # 30 on an idle machine; thirty times that where many others compute
_POLL_SECONDS = 1.0
_MEMORY_MIB = 3072
_PROCESSORS = 1  # guests of a second one, both emulated, lose timer interrupts and hang
# Nothing here is attacked or timed: leave out what costs an emulated processor time.
_QUICK = (
    *("mitigations=off", "nokaslr", "random.trust_cpu=on", "tsc=reliable", "no_timer_check", "no5lvl", "audit=0"),
    *("init_on_alloc=0", "cryptomgr.notests", "rcupdate.rcu_expedited=1", "8250.nr_uarts=2"),
)
# The same of the processor: what changes how memory is looked up, at each entry of the kernel. L2 has the same one.
_WITHOUT = ",la57=off,smap=off,smep=off,pku=off"
# Units without a part in what is tested.
_MASKED = (
    *("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer", "fstrim.timer"),
    *("e2scrub_reap.service", "dracut-shutdown.service", "getty@tty1.service", "libvirt-guests.service"),
    *("logrotate.timer", "systemd-tmpfiles-clean.timer", "serial-getty@ttyS0.service", "grub-common.service"),
    *("modprobe@configfs.service", "modprobe@drm.service", "modprobe@efi_pstore.service", "modprobe@fuse.service"),
    *("proc-sys-fs-binfmt_misc.automount", "systemd-binfmt.service", "systemd-random-seed.service"),
    *("sys-kernel-debug.mount", "sys-kernel-tracing.mount", "sys-kernel-config.mount", "sys-fs-fuse-connections.mount"),
    *("systemd-journal-flush.service", "systemd-ask-password-wall.path", "systemd-ask-password-console.path"),
    *("systemd-importd.socket", "systemd-sysext.socket", "systemd-creds.socket", "systemd-initctl.socket"),
)
HARDWARE = tomllib.loads(Path(__file__).with_name("hardware.toml").read_text(encoding="utf-8"))


class L1:
    """A booted first-level machine: calls of functions in ``scenarios``, and the evidence when one fails."""

    def __init__(self, boot: Callable[[], tuple[Run, socket.socket]]) -> None:
        self._boot = boot
        self._start()

    def _start(self) -> None:
        self._pending = b""
        self.run, self._channel = self._boot()
        self._call("agent.settle", _BOOT_SECONDS, {})

    def call(self, function: str, timeout: float, *, repeat: bool = True, **arguments: Any) -> Any:
        """``module.function`` of ``scenarios`` in the machine; what it returns comes back as JSON.

        Raises ``VmError`` with its traceback and the console's tail where it fails or stays silent. Where the machine
        ends by itself, by a signal or by a reset without a word, both faults of an emulator that emulates a machine in
        a machine, it is booted and called once more, with a warning; ``Crashed`` when it must not ``repeat``.
        """
        try:
            return self._call(function, timeout, arguments)
        except Crashed as error:
            if not repeat:
                raise
            warnings.warn(f"{function}: {error.message}; once more on a new machine", stacklevel=2)
            self._start()
            return self._call(function, timeout, arguments)

    def reset(self) -> None:
        """As a power cut: the machine begins anew, with what its disk has. Raises ``VmError`` where it does not."""
        self.run.qmp.execute("set-action", reboot="reset")
        self.run.qmp.execute("system_reset")
        end = time.monotonic() + _POLL_SECONDS * 60
        while not self.run.qmp.saw("RESET"):
            if time.monotonic() > end:
                raise self.run.failure(VmError, "no reset came")
            time.sleep(0.1)
        self._pending = b""
        self._call("agent.settle", _BOOT_SECONDS, {})

    def _call(self, function: str, timeout: float, arguments: dict[str, Any]) -> Any:
        self._check_alive()
        token = secrets.token_hex(8)
        self._channel.sendall(json.dumps([token, function, arguments]).encode() + b"\n")
        answer = self._answer(token, function, time.monotonic() + timeout)
        if "error" in answer:
            raise self.run.failure(VmError, f"{function} failed in L1:\n{answer['error']}")
        return answer["result"]

    def _check_alive(self) -> None:
        try:
            self.run.check_alive()
        except VmError as error:
            if self.run.process.status is None or isinstance(error, Crashed | AcceleratorFailed):
                raise
            raise Crashed(error.message, error.remedy, error.evidence, error.folder) from None

    def _answer(self, token: str, function: str, end: float) -> dict[str, Any]:
        while True:
            line, newline, rest = self._pending.partition(b"\n")
            if newline:
                self._pending = rest
                answer = json.loads(line)
                if answer["token"] == token:
                    return dict(answer)
                continue
            if time.monotonic() > end:
                raise self.run.failure(VmError, f"{function} did not answer in time")
            self._check_alive()
            if select.select([self._channel], [], [], _POLL_SECONDS)[0]:
                self._pending += self._channel.recv(1 << 20)


@contextmanager
def l1_of(root: Root, image: Image, folder: Path) -> Iterator[L1]:
    """``image`` booted by the QEMU of ``root``, with the best accelerator; its disk goes with it."""
    qemu = qemu_of(root, folder)
    with ExitStack() as stack:
        stack.callback(image.disk.unlink)
        yield accelerated(qemu, lambda which: stack.enter_context(booted(image, which, qemu, folder / which.name)))


@contextmanager
def booted(image: Image, accelerator: Accelerator, qemu: str, folder: Path) -> Iterator[L1]:
    """Boot ``image`` with its own init; the disk stays as it is. Raises ``VmError``."""
    numbers = itertools.count()
    with ExitStack() as stack:

        def boot() -> tuple[Run, socket.socket]:
            return stack.enter_context(_booted(image, accelerator, qemu, folder / str(next(numbers))))

        yield L1(boot)


@contextmanager
def _booted(image: Image, accelerator: Accelerator, qemu: str, folder: Path) -> Iterator[tuple[Run, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        machine = _machine(image, theirs.fileno())
        with start(machine, light(accelerator), qemu, folder, (theirs.fileno(),)) as run:
            theirs.close()
            yield run, ours


def light(accelerator: Accelerator) -> Accelerator:
    """The same, emulating less where it emulates."""
    return accelerator if accelerator.name == "kvm" else accelerator.replace(cpu=accelerator.cpu + _WITHOUT)


def quick() -> tuple[str, ...]:
    """Kernel parameters for an emulated machine on a machine that may be busy."""
    rate = kilohertz()
    return (*_QUICK, f"tsc_early_khz={rate}") if rate else _QUICK


def _machine(image: Image, channel: int) -> Machine:
    words = ("root=/dev/vda", "rw", "console=ttyS0", "panic=-1", *quick(), *image.parameters)
    masks = (f"systemd.mask={unit}" for unit in _MASKED)
    kernel = Kernel(str(image.kernel), str(image.initrd), " ".join((*words, *masks)))
    return Machine(
        machine=HARDWARE["machine"],
        memory_mib=_MEMORY_MIB,
        processors=_PROCESSORS,
        kernel=kernel,
        arguments=(*devices(), *image.more, *_disk(image.disk), *_channel(channel)),
    )


def devices() -> Iterator[str]:
    """QEMU's arguments for the hardware that every L1 machine has."""
    for device in HARDWARE["devices"]:
        yield from ("-device", json.dumps(device))


def _disk(path: Path) -> Sequence[str]:
    file = str(path).replace(",", ",,")
    return (
        *("-drive", f"if=none,id=disk,format=raw,snapshot=on,cache=unsafe,file={file}"),
        *("-device", "virtio-blk-pci,drive=disk,bus=pcie.0,addr=0x10"),
    )


def _channel(descriptor: int) -> Sequence[str]:
    return (
        *("-chardev", f"socket,id=agent,fd={descriptor}"),
        *("-device", "virtio-serial-pci,bus=pcie.0,addr=0x11", "-device", "virtserialport,chardev=agent,name=optimux"),
    )
