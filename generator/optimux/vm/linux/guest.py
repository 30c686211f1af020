"""The throwaway Linux guest: any machine, with a kernel and a first file system that reports what it sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimux.vm.linux.busybox import find_busybox
from optimux.vm.linux.guest_report import parse_report
from optimux.vm.linux.initramfs import initramfs
from optimux.vm.linux.vmlinux import direct_image
from optimux.vm.qemu.machine import Kernel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optimux.vm.linux.guest_report import GuestReport
    from optimux.vm.linux.kernel import LinuxKernel
    from optimux.vm.qemu.machine import Machine
    from optimux.vm.qemu.run import Run

LIMIT_SECONDS = 120.0
_MEMORY_MIB = 256
# Nothing here is attacked or timed: leave out what costs an emulated processor time.
_QUICK = (
    *("quiet", "mitigations=off", "nokaslr", "random.trust_cpu=on", "tsc=reliable", "no_timer_check"),
    "cryptomgr.notests",
)


def guest_machine(
    machine: Machine, kernel: LinuxKernel, token: str, supplies: Sequence[str] = (), frame_mib: int = 0
) -> Machine:
    """``machine`` with the guest in it. Raises ``VmError`` where there is no busybox.

    QEMU (7.2 to 10.0) has the initramfs of an ELF kernel end 160 KiB below the end of memory, whatever SeaBIOS keeps
    there: 128 KiB of tables, and 64 KiB more with a TPM, so that the tables are overwritten. A machine with arguments
    of its own starts the image, whose loader asks the firmware.
    """
    has_room = not machine.firmware and not machine.arguments
    image = direct_image(kernel, machine.machine) if has_room else kernel.image
    initrd = initramfs(kernel, find_busybox())
    direct = Kernel(str(image), str(initrd), guest_parameters(token, supplies, frame_mib))
    return machine.replace(kernel=direct, memory_mib=max(machine.memory_mib, _MEMORY_MIB))


def guest_parameters(token: str, supplies: Sequence[str] = (), frame_mib: int = 0) -> str:
    """The guest's kernel command line.

    The guest waits for the power ``supplies`` to appear before it reports, and writes a frame of ``frame_mib`` MiB.
    """
    words = ["console=ttyS0", "panic=-1", *_QUICK, f"token={token}", f"supplies={','.join(supplies)}"]
    return " ".join([*words, f"frame={frame_mib}"] if frame_mib else words)


def await_report(run: Run, token: str) -> GuestReport:
    """The whole report. Raises ``VmError`` for a guest that ends, panics or stays silent; only its token counts."""
    run.report.wait_for(f"^end {token}$", LIMIT_SECONDS)
    report = parse_report(run.report.text, token)
    if report is None:
        raise AssertionError(f"a report that ends with {token} does not begin with it")
    return report
