"""Whether guests really run under KVM: a machine whose whole firmware is thirty instructions.

Some hosts offer a ``/dev/kvm`` that opens and creates machines, but emulates the guest's instructions one by one
(nested or paravirtual KVM): guests crawl, and die at the first instruction that the emulator lacks. The probe enters
32-bit protected mode, waits for the coprocessor (no part of KVM's emulator), counts to sixteen million (milliseconds
on a processor, many seconds in an emulator) and leaves through QEMU's debug exit with a code that nothing else gives.
"""

from __future__ import annotations

import time
from struct import pack

from optimux.files.scratch import scratch, write_new
from optimux.vm.qemu.process import Process

_SECONDS = 2.0
_STEP_SECONDS = 0.01
_SIZE = 0x10000  # firmware of 64 KiB ends at 4 GiB; the processor starts 16 bytes below
_TOP = 1 << 32
_START, _PROTECTED, _POINTER, _GDT, _RESET = 0xFF00, 0xFF40, 0xFF90, 0xFFA0, 0xFFF0
_CODE, _EXIT_PORT, _WORD = 0x08, 0xF4, 0x15
SUCCESS = _WORD << 1 | 1  # what isa-debug-exit makes of the word


def probe_image() -> bytes:
    """The firmware."""
    image = bytearray(b"\xf4" * _SIZE)  # hlt
    parts = {
        _RESET: b"\xe9" + pack("<h", _START - _RESET - 3),  # jmp start
        _START: (
            b"\xfa"  # cli
            b"\x2e\x66\x0f\x01\x16" + pack("<H", _POINTER)  # lgdt cs:[pointer]
            + b"\x0f\x20\xc0\x0c\x01\x0f\x22\xc0"  # cr0 |= 1: protected mode
            b"\x66\xea" + pack("<IH", _linear(_PROTECTED), _CODE)  # jmp far code:protected
        ),
        _PROTECTED: (
            b"\xdb\xe3\x9b"  # fninit; fwait
            b"\xb9" + pack("<I", 1 << 24)  # mov ecx, 16 Mi
            + b"\xe2\xfe"  # loop here
            b"\xb0" + bytes([_WORD]) + b"\xe6" + bytes([_EXIT_PORT])  # out
            + b"\xf4\xeb\xfd"  # hlt, for ever
        ),
        _POINTER: pack("<HI", 15, _linear(_GDT)),
        # null; flat code, already marked as accessed: the table lies in read-only memory
        _GDT: pack("<QQ", 0, 0x00CF_9B00_0000_FFFF),
    }  # fmt: skip
    for offset, code in parts.items():
        image[offset : offset + len(code)] = code
    return bytes(image)


def probe(qemu: str, accelerator: str = "kvm") -> str:
    """Why no guest runs under the accelerator, or nothing when one does. At most two seconds; see ``SUCCESS``."""
    with scratch("optimux-probe-") as own:
        folder = own.folder.path
        image = folder / "probe.bin"
        write_new(image, probe_image())
        command = [
            *(qemu, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
            *("-machine", "q35", "-accel", accelerator, "-m", "16M", "-bios", str(image)),
            *("-device", f"isa-debug-exit,iobase=0x{_EXIT_PORT:x},iosize=1"),
        ]
        with Process(command, folder) as machine:
            return _verdict(machine)


def _verdict(machine: Process) -> str:
    end = time.monotonic() + _SECONDS
    while machine.status is None:
        if "internal error" in machine.words:  # QEMU stops the guest and waits
            return "guests die of an internal error"
        if time.monotonic() > end:
            return "guests crawl, as if emulated,"
        time.sleep(_STEP_SECONDS)
    if machine.status == SUCCESS:
        return ""
    return f"QEMU ended with {machine.status}{machine.said}"


def _linear(offset: int) -> int:
    return _TOP - _SIZE + offset
