"""The shared memory has the release's size, and carries whole frames from guest to host."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lab.scenarios.bench import DISPLAYS, failed, firmware_checks, generated, reported
from optimux.sizes import UNITS, Size
from optimux.vm.errors import VmError
from optimux.vm.qemu.accel import choose
from optimux.vm.qemu.memory import shared_file
from optimux.vm.qemu.programs import find_qemu
from optimux.vm.qemu.run import start
from optimux.vm.verify.host_device import host_device
from optimux.vm.verify.throwaway import throwaway

if TYPE_CHECKING:
    from optimux.vm.qemu.machine import Machine
    from optimux.vm.qemu.memory import SharedFile

# MiB by release and display: docs of Looking Glass, by which both sides of it count.
SIZES = {
    ("b7", "1080p"): 32,
    ("b7", "1440p"): 64,
    ("b7", "4k"): 128,
    ("idd", "1080p"): 32,
    ("idd", "1440p"): 64,
    ("idd", "4k"): 128,
}
_MIB = UNITS["MiB"]
_BLOCK = b"optimux frame ..\n" * (_MIB // 17 + 1)


def size_is_right(release: str, display: str, folder: Path | str) -> None:
    """The device's BAR, and bytes at both ends of it in both directions."""
    checks = firmware_checks(generated(release=release, display=display), "seabios", folder)
    assert failed(checks) == {}
    assert checks["shared memory: size"].found == f"BAR 2 of {SIZES[release, display]}MiB"
    assert {checks[f"shared memory: {way}"].state for way in ("host to guest", "guest to host")} == {"passed"}


def frame_arrives(release: str, display: str, folder: Path | str) -> str:
    """Linux writes a frame of the display's full size, the host reads all of it; the throughput in words."""
    width, height = DISPLAYS[display]
    mib = -(-width * height * 4 // _MIB)
    subject = generated(release=release, display=display)
    with reported(subject, folder, frame_mib=mib) as guest:
        assert guest.report.pages == guest.seeded, "Linux read other bytes than the host wrote"
        assert guest.report.frame is not None, "this kernel has no module phram"
        written, seconds = guest.report.frame
        assert written == mib
        assert wrong_blocks(guest.file, mib) == []
    rate = f"{mib / seconds:.0f} MiB/s" if seconds else "within a tick of its clock"
    return f"{release} {display}: the guest wrote {mib} MiB, {rate}"


def wrong_blocks(file: SharedFile, mib: int) -> list[int]:
    """The MiB of the frame that are not as the guest wrote them: the pattern, the block's number in front."""
    wanted = (b"%08d" % number + _BLOCK[8:_MIB] for number in range(mib))
    return [number for number, block in enumerate(wanted) if file.read(number * _MIB, _MIB) != block]


def a_lost_block() -> None:
    """Twin: a frame in which one MiB stands twice is noticed."""
    with shared_file(4 * _MIB) as file:
        for place, number in enumerate((0, 1, 1, 3)):
            file.write(place * _MIB, b"%08d" % number + _BLOCK[8:_MIB])
        assert wrong_blocks(file, 4) == [2]


def a_file_that_is_too_small(folder: Path | str) -> None:
    """Twin: the host's memory is smaller than the domain says; QEMU refuses it by name."""
    qemu = find_qemu()
    with shared_file(Size.mib_of(64).bytes) as small, throwaway(generated(), qemu, Path(folder)) as made:
        (device,) = made.machine.shared
        machine = made.machine.replace(shared=(device.on(small.path),))
        said = _refusal(machine, qemu, folder, (small.descriptor, *made.descriptors))
    assert "does not match 'size' option" in said, said


def _refusal(machine: Machine, qemu: str, folder: Path | str, descriptors: tuple[int, ...]) -> str:
    try:
        with start(machine, choose(qemu), qemu, Path(folder), descriptors):
            return "nothing: it took 64 MiB for 128 MiB"
    except VmError as error:
        return error.message


def a_regular_file_for_kvmfr(folder: Path | str) -> None:
    """Twin: QEMU without the module kvmfr leaves a file at its path, and verify names the case."""
    qemu, subject, place = find_qemu(), generated(), Path(folder, "kvmfr0")
    assert subject.memory is not None
    with throwaway(subject, qemu, place.parent) as made:
        (device,) = made.machine.shared
        machine = made.machine.replace(shared=(device.on(str(place)),))
        with start(machine, choose(qemu), qemu, place.parent, made.descriptors):
            assert place.is_file(), "QEMU made no file where the device should be"
    (check,) = host_device(subject.memory.replace(path=str(place)))
    assert check.state == "failed"
    assert "is a regular file: QEMU made it because the module kvmfr was not loaded" in check.found
