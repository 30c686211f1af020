"""The L1 machine, booted or restored, and the channel to the code that runs in it."""

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
from lab.l1.code import code_disk
from optimux.vm.errors import AcceleratorFailed, Crashed, VmError
from optimux.vm.qemu.machine import Kernel, Machine
from optimux.vm.qemu.run import start

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from lab.l1.image import Image
    from optimux.vm.qemu.accel import Accelerator
    from optimux.vm.qemu.run import Run

BOOT_SECONDS = 900  # 30 on an idle machine; thirty times that where many others compute
_POLL_SECONDS = 1.0
_MEMORY_MIB = 3072
_PROCESSORS = 1  # guests of a second one, both emulated, lose timer interrupts and hang
# Nothing here is attacked or timed: leave out what costs an emulated processor time.
_QUICK = (
    *("mitigations=off", "nokaslr", "random.trust_cpu=on", "tsc=reliable", "no_timer_check", "no5lvl", "audit=0"),
    *("init_on_alloc=0", "cryptomgr.notests", "rcupdate.rcu_expedited=1", "8250.nr_uarts=2"),
    # Of what each system call asks or counts: AppArmor and the kernel's own lockdown stay.
    *("lsm=lockdown,capability,apparmor", "psi=0", "cgroup.memory=nokmem,nosocket", "hardened_usercopy=off"),
    *("randomize_kstack_offset=off", "rodata=off", "initcall_blacklist=trace_eval_init,load_system_certificate_list"),
)
# The same of the processor: what changes how memory is looked up, at each entry of the kernel; and the registers of
# AVX, which are saved at each switch, and by the loader at a function's first call. L2 has the same one.
_WITHOUT = ",la57=off,smap=off,smep=off,pku=off,xsave=off"
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


class Channel:
    """A running machine, and the calls of what answers in it."""

    def __init__(self, run: Run, connection: socket.socket) -> None:
        self.run, self._socket = run, connection
        self._pending = b""

    def forget(self) -> None:
        """What came so far: the machine begins anew."""
        self._pending = b""

    def call(self, function: str, timeout: float, arguments: dict[str, Any]) -> Any:
        """What it answers. Raises ``VmError`` where it fails or stays silent, ``Crashed`` where it ends."""
        self._check_alive()
        token = secrets.token_hex(8)
        self._socket.sendall(json.dumps([token, function, arguments]).encode() + b"\n")
        answer = self._answer(token, function, time.monotonic() + timeout)
        if "error" in answer:
            raise self.run.failure(VmError, f"{function} failed in L1:\n{answer['error']}")
        return answer["result"]

    def begin(self) -> None:
        """Have it take the checkout's code, and wait until it has all its devices."""
        self.call("resident.up", BOOT_SECONDS, {})  # as the time is told only then
        self.call("resident.begin", BOOT_SECONDS, {"now": time.time(), "seed": secrets.token_hex(32)})
        self.call("agent.settle", BOOT_SECONDS, {})

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
            if select.select([self._socket], [], [], _POLL_SECONDS)[0]:
                self._pending += self._socket.recv(1 << 20)


class L1:
    """A first-level machine that is up: calls of functions in ``scenarios``, and the evidence when one fails."""

    def __init__(self, start: Callable[[], Channel]) -> None:
        self._start_one = start
        self._rests = False
        self._start()

    @property
    def run(self) -> Run:
        """Its QEMU."""
        return self._channel.run

    def _start(self) -> None:
        self._channel = self._start_one()
        self._channel.begin()

    def call(self, function: str, timeout: float, *, repeat: bool = True, **arguments: Any) -> Any:
        """``module.function`` of ``scenarios`` in the machine; what it returns comes back as JSON.

        Raises ``VmError`` with its traceback and the console's tail where it fails or stays silent. Where the machine
        ends by itself, by a signal or by a reset without a word, both faults of an emulator that emulates a machine in
        a machine, it is started and called once more, with a warning; ``Crashed`` when it must not ``repeat``.
        """
        if self._rests:
            self._rests = False
            self.run.qmp.execute("cont")
        try:
            return self._channel.call(function, timeout, arguments)
        except Crashed as error:
            if not repeat:
                raise
            warnings.warn(f"{function}: {error.message}; once more on a new machine", stacklevel=2)
            self._start()
            return self._channel.call(function, timeout, arguments)

    def rest(self) -> None:
        """Nothing of it runs until the next call: one that idles takes a twentieth of a processor from others."""
        if self.run.process.status is None and not self._rests:
            self.run.qmp.execute("stop")
            self._rests = True

    def reset(self) -> None:
        """As a power cut: the machine begins anew, with what its disk has. Raises ``VmError`` where it does not."""
        self.run.qmp.execute("set-action", reboot="reset")
        self.run.qmp.execute("system_reset")
        end = time.monotonic() + _POLL_SECONDS * 60
        while not self.run.qmp.saw("RESET"):
            if time.monotonic() > end:
                raise self.run.failure(VmError, "no reset came")
            time.sleep(0.1)
        self._channel.forget()
        self._channel.begin()


@contextmanager
def booted(image: Image, accelerator: Accelerator, qemu: str, folder: Path) -> Iterator[L1]:
    """Boot ``image`` with its own init; the disk stays as it is. Raises ``VmError``."""
    numbers = itertools.count()
    with ExitStack() as stack:
        yield L1(lambda: stack.enter_context(started(image, accelerator, qemu, folder / str(next(numbers)))))


@contextmanager
def started(
    image: Image, accelerator: Accelerator, qemu: str, folder: Path, *, lasting: bool = False, waiting: bool = False
) -> Iterator[Channel]:
    """The machine's QEMU until the block ends. With ``lasting`` the disk is written to.

    ``waiting`` for the state of a machine, instead of being switched on.
    """
    ours, theirs = socket.socketpair()
    with ours, theirs, code_disk(image.root) as code:
        words = ("-incoming", "defer") if waiting else ()
        machine = described(image, code, theirs.fileno(), (*_disk(image.disk, lasting=lasting), *words))
        with start(machine, light(accelerator), qemu, folder, (theirs.fileno(),)) as run:
            theirs.close()
            yield Channel(run, ours)


def light(accelerator: Accelerator) -> Accelerator:
    """The same, emulating less where it emulates."""
    return accelerator if accelerator.name == "kvm" else accelerator.replace(cpu=accelerator.cpu + _WITHOUT)


def quick() -> tuple[str, ...]:
    """Kernel parameters for an emulated machine on a machine that may be busy."""
    rate = kilohertz()
    return (*_QUICK, f"tsc_early_khz={rate}") if rate else _QUICK


def described(image: Image, code: Path, channel: int, more: Iterable[str] = ()) -> Machine:
    """The machine with ``image``, the disk ``code``, and the descriptor ``channel``."""
    words = ("root=/dev/vda", "rw", "console=ttyS0", "panic=-1", *quick(), *image.parameters)
    masks = (f"systemd.mask={unit}" for unit in _MASKED)
    kernel = Kernel(str(image.kernel), str(image.initrd), " ".join((*words, *masks)))
    return Machine(
        machine=HARDWARE["machine"],
        memory_mib=_MEMORY_MIB,
        processors=_PROCESSORS,
        kernel=kernel,
        arguments=(*devices(), *image.more, *_code(code), *_channel(channel), *more),
    )


def devices() -> Iterator[str]:
    """QEMU's arguments for the hardware that every L1 machine has."""
    for device in HARDWARE["devices"]:
        yield from ("-device", json.dumps(device))


def _disk(path: Path, *, lasting: bool) -> Sequence[str]:
    file = str(path).replace(",", ",,")
    return (
        *("-drive", f"if=none,id=disk,format=raw,snapshot={'off' if lasting else 'on'},cache=unsafe,file={file}"),
        *("-device", "virtio-blk-pci,drive=disk,bus=pcie.0,addr=0x10"),
    )


def _code(path: Path) -> Sequence[str]:
    file = str(path).replace(",", ",,")
    return (
        *("-drive", f"if=none,id=code,format=raw,readonly=on,cache=unsafe,file={file}"),
        *("-device", "virtio-blk-pci,drive=code,bus=pcie.0,addr=0x12"),
    )


def _channel(descriptor: int) -> Sequence[str]:
    return (
        *("-chardev", f"socket,id=agent,fd={descriptor}"),
        *("-device", "virtio-serial-pci,bus=pcie.0,addr=0x11", "-device", "virtserialport,chardev=agent,name=optimux"),
    )
