"""The level without a guest system: what the firmware made of the generated table and shared memory."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from optimux.acpi.table import parse_table
from optimux.record import Record
from optimux.sizes import Size
from optimux.vm.evidence.acpi_memory import Tables, find_tables
from optimux.vm.evidence.checks import FAILED, PASSED, SKIPPED, Check, judged
from optimux.vm.evidence.faults import size_fault, slot_fault, table_fault
from optimux.vm.evidence.ivshmem import SharedDevice, find_devices
from optimux.vm.qemu.programs import find_ovmf
from optimux.vm.qemu.run import start
from optimux.vm.qemu.snapshot import Snapshot
from optimux.vm.verify.throwaway import throwaway

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from optimux.vm.evidence.checks import Subject
    from optimux.vm.qemu.accel import Accelerator
    from optimux.vm.qemu.memory import SharedFile
    from optimux.vm.qemu.run import Run
    from optimux.vm.verify.throwaway import Throwaway

TITLES = {"seabios": "SeaBIOS", "ovmf": "OVMF"}
# How long the firmware may take at all, and how long its result must stand still to be called final when it is wrong.
_LIMIT_SECONDS = {"seabios": 20.0, "ovmf": 90.0}
_STILL_SECONDS = {"seabios": 0.7, "ovmf": 3.0}
_SPOKEN_SECONDS = 0.5  # the same once it has spoken, which OVMF does behind its tables, and SeaBIOS never
# Between two looks; one at OVMF's memory is dear, and in vain before its first words, which come after the tables.
_STEP_SECONDS = {"seabios": 0.01, "ovmf": 0.2}
_MUTE_SECONDS = {"seabios": 0.01, "ovmf": 1.0}
_BRIEF_SECONDS = 0.02
_PATTERN_SIZE = 4096


class View(Record):
    """What is seen of the machine at one moment."""

    tables: Tables | None
    devices: tuple[SharedDevice, ...]


def firmware_level(
    subject: Subject, firmware: str, accelerator: Accelerator, qemu: str, folder: Path
) -> Iterator[Check]:
    """Boot with ``seabios`` or ``ovmf`` and check, one after the other. Raises ``VmError`` where nothing boots."""
    ovmf = find_ovmf(qemu) if firmware == "ovmf" else None
    with throwaway(subject, qemu, folder) as made:
        machine = made.machine.replace(firmware=ovmf)
        with start(machine, accelerator, qemu, folder, made.descriptors) as run:
            view = _settled(run, subject, firmware, machine.memory_mib << 20)
            run.qmp.execute("stop")  # what is read from here on stays as it is
            yield _boot(run, view, firmware, made.on(run))
            if view.tables is not None:
                yield _chain(view.tables)
                yield _table(subject, view.tables)
            yield from _memory(run, subject, view, made)


def _settled(run: Run, subject: Subject, firmware: str, memory_size: int) -> View:
    """The first view in which all is right, else the last one after it has stood still for long enough."""
    limit = run.started + _LIMIT_SECONDS[firmware]
    seen, since = View(None, ()), time.monotonic()
    while True:
        run.check_alive()
        still = _SPOKEN_SECONDS if run.console.text else _STILL_SECONDS[firmware]
        view = _view(run, firmware, memory_size)
        now = time.monotonic()
        if _is_right(view, subject) or now > limit:
            return view
        if view != seen:
            seen, since = view, now
        elif view.tables is not None and now - since > still:
            return view
        _pause(run, firmware)


def _pause(run: Run, firmware: str) -> None:
    end = time.monotonic() + _MUTE_SECONDS[firmware]
    mute = not run.console.text
    time.sleep(_STEP_SECONDS[firmware])
    while mute and not run.console.text and time.monotonic() < end:
        time.sleep(_BRIEF_SECONDS)


def _view(run: Run, firmware: str, memory_size: int) -> View:
    tables = find_tables(Snapshot(run.read_memory), memory_size, firmware == "ovmf")
    return View(tables, find_devices(run.qmp.execute("query-pci")) if tables else ())


def _is_right(view: View, subject: Subject) -> bool:
    if view.tables is None or view.tables.faults or not view.tables.named("FACP"):
        return False
    if subject.table is not None and table_fault(subject.table, _contents(view.tables)):
        return False
    return subject.memory is None or (not size_fault(subject.memory.size, view.devices) and bool(view.devices[0].base))


def _contents(tables: Tables) -> list[bytes]:
    return [table.data for table in tables.found]


def _boot(run: Run, view: View, firmware: str, where: str) -> Check:
    name = f"{TITLES[firmware]} boots"
    if view.tables is None:
        fault = f"no ACPI root pointer after {run.seconds:.1f} s ({where})"
        return Check(name, FAILED, fault, f"See the logs in {run.folder}.")
    return Check(name, PASSED, f"tables in memory after {run.seconds:.1f} s ({where})")


def _chain(tables: Tables) -> Check:
    names = " ".join(table.signature for table in tables.found)
    remedy = "A table that is broken here is broken for every guest: generate it again and compare."
    return judged("every table's checksum", "; ".join(tables.faults), names, remedy)


def _table(subject: Subject, tables: Tables) -> Check:
    name = "battery table"
    if subject.table is None:
        return Check(name, SKIPPED, "no battery is planned")
    fault = table_fault(subject.table, _contents(tables))
    remedy = f"The domain must name {subject.table_path} as <table type='raw'> or -acpitable file=, unchanged."
    header = parse_table(subject.table, "the battery table").header
    found = f"{header.oem_id}/{header.oem_table_id}, {len(subject.table)} bytes, each as generated"
    return judged(name, fault, found, remedy)


def _memory(run: Run, subject: Subject, view: View, made: Throwaway) -> Iterator[Check]:
    memory, name, file = subject.memory, "shared memory", made.file
    if memory is None:
        yield Check(name, SKIPPED, "no shared memory is planned")
        return
    fault = size_fault(memory.size, view.devices)
    remedy = f"The domain's ivshmem device and its memory must be {memory.size}, as {memory.path} is."
    yield judged(f"{name}: size", fault, f"BAR 2 of {memory.size}", remedy)
    if not view.devices or file is None:
        return
    fault = "" if made.source == memory.path else f"the domain maps {made.source}, planned is {memory.path}"
    yield judged(f"{name}: file", fault, f"{memory.path}, here one without a name", f"It must map {memory.path}.")
    device = view.devices[0]
    remedy = "Another device has the slot, or the address is missing in the domain."
    yield judged(f"{name}: address", slot_fault(subject.slot, device), f"1af4:1110 at {device.address}", remedy)
    if device.base is None:
        remedy = "The firmware found no room for it: a smaller size, or UEFI instead of BIOS."
        yield Check(f"{name}: mapping", FAILED, "the firmware did not map BAR 2", remedy)
        return
    yield from _transfers(run, device.base, min(device.size, file.size), file)


def _transfers(run: Run, base: int, size: int, file: SharedFile) -> Iterator[Check]:
    """Patterns at both ends, in both directions: over QMP to the guest, over qtest from it."""
    name, remedy = "shared memory", "The device does not map the file: look at -object memory-backend-file in the logs."
    places = (0, size - _PATTERN_SIZE)
    patterns = [os.urandom(_PATTERN_SIZE) for _ in places]
    for place, pattern in zip(places, patterns, strict=True):
        file.write(place, pattern)
    lost = [
        p for p, pattern in zip(places, patterns, strict=True) if run.read_memory(base + p, _PATTERN_SIZE) != pattern
    ]
    found = f"{2 * _PATTERN_SIZE} bytes written in the file, read at {base:#x}"
    yield judged(f"{name}: host to guest", _lost(lost, "in the guest"), found, remedy)
    for place, pattern in zip(places, patterns[::-1], strict=True):
        run.qtest.write(base + place, pattern)
    lost = [p for p, pattern in zip(places, patterns[::-1], strict=True) if file.read(p, _PATTERN_SIZE) != pattern]
    found = f"{2 * _PATTERN_SIZE} bytes written at {base:#x}, read in the file of {Size(file.size)}"
    yield judged(f"{name}: guest to host", _lost(lost, "in the file"), found, remedy)


def _lost(places: list[int], where: str) -> str:
    return f"other bytes {where} at offset {', '.join(f'{place:#x}' for place in places)}" if places else ""
