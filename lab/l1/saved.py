"""L1 machines that are kept as they are once booted, and restored from there: an emulated boot takes half a minute.

Kept are the disk, the kernel and its initramfs (for when the machine is reset), and QEMU's own record of memory and
devices. What is kept depends on everything that the machine is made of, and not on the checkout's code, which it takes
later. Where KVM runs machines they boot, and so do they where keeping or restoring fails.
"""

from __future__ import annotations

import functools
import itertools
import json
import re
import time
import warnings
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.l1.clock import kilohertz
from lab.l1.image import image_in
from lab.l1.kept import identity, kept, remove
from lab.l1.machine import BOOT_SECONDS, L1, booted, described, light, started
from lab.l1.qemu import emulator, qemu_of
from optimux.record import Record
from optimux.vm.errors import VmError
from optimux.vm.qemu.accel import accelerated
from optimux.vm.qemu.machine import command_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lab.consumers.roots import Root
    from lab.l1.image import Image
    from lab.l1.machine import Channel
    from optimux.vm.qemu.accel import Accelerator
    from optimux.vm.qemu.run import Run

_STATE_SECONDS = 300
_POLL_SECONDS = 0.05
# Memory at fixed places of the file, without what is zero.
_SPARSE = [{"capability": "mapped-ram", "state": True}]
_STATE, _TOLD = "state", "machine.json"
# The share by which the rate of the time stamp counter may differ from that which the kernel was told.
_TOLERANCE = 0.001
_HERE = Path(__file__).parent
_SOURCES = ("disk.py", "image.py", "resident.py", "../consumers/session.py", "../consumers/session.sh")


class Making(Record):
    """How a machine comes to be. ``inputs`` tell by their ``repr`` whatever ``build`` makes an image of in a folder,
    the sources that do it included; those of what serves all images are added.
    """

    name: str
    root: Root
    inputs: tuple[object, ...]
    build: Callable[[Path], Image]


@contextmanager
def l1_of(making: Making, folder: Path) -> Iterator[L1]:
    """The machine with the best accelerator; its logs go to ``folder``, which exists."""
    qemu = qemu_of(emulator(), folder)
    with ExitStack() as stack:

        def begin(which: Accelerator) -> L1:
            own = folder / which.name
            own.mkdir()
            l1 = restored(making, which, qemu, own, stack) if which.name != "kvm" else None
            return l1 or stack.enter_context(_booted(making, which, qemu, own))

        yield accelerated(qemu, begin)


@contextmanager
def _booted(making: Making, which: Accelerator, qemu: str, folder: Path) -> Iterator[L1]:
    with ExitStack() as stack:
        image = making.build(folder)
        stack.callback(image.disk.unlink)
        yield stack.enter_context(booted(image, which, qemu, folder / "booted"))


def restored(making: Making, which: Accelerator, qemu: str, folder: Path, stack: ExitStack) -> L1 | None:
    """The machine until ``stack`` is unwound; nothing, and a warning, where it cannot be kept or restored."""

    def fill(half: Path) -> None:
        _save(making.build(half), which, qemu, half, folder / "kept")

    try:
        place = stack.enter_context(kept(making.name, inputs_of(making, which), fill))
    except (VmError, OSError) as error:
        warnings.warn(f"the machine {making.name} boots, it cannot be kept: {_said(error)}", stacklevel=2)
        return None
    try:
        return stack.enter_context(_from(place, making.root, which, qemu, folder / "restored"))
    except (VmError, OSError, ValueError, KeyError) as error:
        warnings.warn(f"the machine {making.name} boots, {place} is removed: {_said(error)}", stacklevel=2)
        remove(place)
        return None


def _said(error: Exception) -> str:
    """Without the evidence, which is in the logs."""
    return error.message if isinstance(error, VmError) else str(error)


def inputs_of(making: Making, which: Accelerator) -> tuple[object, ...]:
    """What the machine is made of: also QEMU and its arguments, with the same words for all that is of one run."""
    machine = described(image_in(Path(), making.root, ()), Path(), 0)
    words = [re.sub("tsc_early_khz=[0-9]+", "", word) for word in command_line(machine, light(which))]
    texts = ((_HERE / name).read_text(encoding="utf-8") for name in _SOURCES)
    return (identity(making.root), identity(emulator()), words, *texts, *making.inputs)


def _save(image: Image, which: Accelerator, qemu: str, place: Path, folder: Path) -> None:
    """Boot ``image``, whose files are in ``place``, and keep there what it is then."""
    with started(image, which, qemu, folder, lasting=True) as channel:
        channel.call("resident.rest", BOOT_SECONDS, {})
        ask = _patiently(channel.run)
        ask("stop")
        ask("migrate-set-capabilities", capabilities=_SPARSE)
        ask("migrate", uri=f"file:{place / _STATE}")
        _wait(channel.run, lambda: ask("query-migrate").get("status"), ("completed",))
    told = {"kilohertz": kilohertz(), "parameters": image.parameters, "more": image.more, "sizes": _sizes(place)}
    (place / _TOLD).write_text(json.dumps(told), encoding="utf-8")


@contextmanager
def _from(place: Path, root: Root, which: Accelerator, qemu: str, folder: Path) -> Iterator[L1]:
    told = json.loads((place / _TOLD).read_text(encoding="utf-8"))
    _check(place, told)
    image = image_in(place, root, tuple(told["parameters"])).replace(more=tuple(told["more"]))
    numbers = itertools.count()
    with ExitStack() as stack:

        def start() -> Channel:
            where = folder.with_name(f"{folder.name}-{next(numbers)}")
            channel = stack.enter_context(started(image, which, qemu, where, waiting=True))
            _restore(channel.run, place / _STATE)
            return channel

        yield L1(start)


def _check(place: Path, told: dict[str, Any]) -> None:
    sizes = _sizes(place)
    del sizes[_TOLD]
    if sizes != told["sizes"]:
        raise VmError(f"its files have the sizes {sizes}, not {told['sizes']}", "")
    if abs(kilohertz() - told["kilohertz"]) > _TOLERANCE * told["kilohertz"]:
        raise VmError(f"its time stamp counter has {told['kilohertz']} kHz, that of this machine {kilohertz()}", "")


def _sizes(place: Path) -> dict[str, int]:
    return {file.name: file.stat().st_size for file in place.iterdir()}


def _restore(run: Run, state: Path) -> None:
    """Have a QEMU that waits for it go on where another one was stopped."""
    ask = _patiently(run)
    ask("migrate-set-capabilities", capabilities=_SPARSE)
    ask("migrate-incoming", uri=f"file:{state}")
    try:
        _wait(run, lambda: ask("query-status")["status"], ("paused", "running"))
    except VmError:
        run.check_alive()  # the words of a QEMU that has ended say more
        raise
    ask("cont")


def _patiently(run: Run) -> Callable[..., Any]:
    """Commands to a QEMU that answers none while it reads or writes the memory, from a disk that others use as well."""
    return functools.partial(run.qmp.execute, timeout=_STATE_SECONDS)


def _wait(run: Run, state: Callable[[], str | None], ends: tuple[str, ...]) -> None:
    end = time.monotonic() + _STATE_SECONDS
    while (seen := state()) not in ends:
        if seen == "failed" or time.monotonic() > end:
            raise run.failure(VmError, f"the machine's state is {seen}, not {' or '.join(ends)}")
        time.sleep(_POLL_SECONDS)
