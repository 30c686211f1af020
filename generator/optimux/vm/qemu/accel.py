"""Which accelerator runs the guests: KVM where they really run under it, else TCG, with the reason."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal, TypeVar

from optimux.record import Record
from optimux.vm.errors import AcceleratorFailed
from optimux.vm.qemu.kvm_probe import probe

if TYPE_CHECKING:
    from collections.abc import Callable

    T = TypeVar("T")

DEVICE = "/dev/kvm"
_KVM_API_VERSION = (0xAE00, 12)  # the ioctl's number and its only answer since Linux 2.6.22
_verdicts: dict[tuple[str, str], str] = {}  # by program and device: why KVM is not used, or nothing


class Accelerator(Record):
    """QEMU's names, and why it is this one."""

    name: Literal["kvm", "tcg"]
    cpu: str
    reason: str

    def __str__(self) -> str:
        return self.name.upper() if self.name == "kvm" else f"{self.name.upper()}: {self.reason}"


def choose(qemu: str, device: str = DEVICE) -> Accelerator:
    """KVM where a guest has just run under it, else TCG. The answer holds for the rest of the run."""
    if (qemu, device) not in _verdicts:
        _verdicts[qemu, device] = unusable(device) or _fault(probe(qemu), device)
    if reason := _verdicts[qemu, device]:
        return tcg(reason)
    return Accelerator("kvm", "host", "a guest ran under it")


def tcg(reason: str) -> Accelerator:
    """Software emulation, which runs everywhere.

    With ERMS or FSRM a guest copies byte by byte, as fast as anything on a processor and slow in an emulator.
    """
    return Accelerator("tcg", "max,erms=off,fsrm=off", reason)


def accelerated(qemu: str, run: Callable[[Accelerator], T]) -> T:
    """``run`` with the best accelerator; once more with TCG where the guest dies in KVM although the probe ran."""
    accelerator = choose(qemu)
    try:
        return run(accelerator)
    except AcceleratorFailed as error:
        if accelerator.name != "kvm":
            raise
        _verdicts[qemu, DEVICE] = error.message
        return run(choose(qemu))


def _fault(verdict: str, device: str) -> str:
    return f"{verdict} under {device}" if verdict else ""


def unusable(device: str) -> str:
    """Why KVM cannot be used, or nothing."""
    import fcntl

    try:
        descriptor = os.open(device, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        return f"{device}: {error.strerror}"
    try:
        number, version = _KVM_API_VERSION
        answer = fcntl.ioctl(descriptor, number, 0)
        return "" if answer == version else f"{device} speaks version {answer}, not {version}"
    except OSError as error:
        return f"{device} does not answer: {error.strerror}"
    finally:
        os.close(descriptor)
