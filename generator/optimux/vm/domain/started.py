"""A translated domain as a machine that was started stopped, and what it shows before and after its firmware."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from optimux.files.acpi_tables import read_table
from optimux.files.scratch import own_folder
from optimux.record import Record
from optimux.vm.domain.adapt import Lent, adapt, table_paths
from optimux.vm.domain.reduce import MEMORY_MIB
from optimux.vm.errors import VmError
from optimux.vm.evidence.acpi_memory import Tables, find_tables
from optimux.vm.qemu.memory import SharedFile, shared_file
from optimux.vm.qemu.query_pci import address_of, entries, id_of
from optimux.vm.qemu.run import firmware_words, launch
from optimux.vm.qemu.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from optimux.pci import Address, Id
    from optimux.vm.domain.adapt import Adapted
    from optimux.vm.domain.translate import Translated
    from optimux.vm.qemu.accel import Accelerator
    from optimux.vm.qemu.programs import Ovmf
    from optimux.vm.qemu.run import Run

_LIMIT_SECONDS = {"seabios": 30.0, "ovmf": 120.0}
_STEP_SECONDS = 0.02


class SeenFunction(Record):
    """A PCI function of the machine: its id in QEMU (empty where it has none), its place, and its largest BAR."""

    name: str
    address: Address
    id: Id
    size: int


class BootedMachine(Record):
    """What the firmware made of the machine. ``memory`` has for each ivshmem device the domain's path of its file.

    ``names`` are the ids of all devices, those on other buses than PCI too.
    """

    functions: tuple[SeenFunction, ...]
    tables: Tables
    memory: dict[str, str]
    names: tuple[str, ...]


class Started:
    """The running machine; ``replaced`` is everything that was replaced for it.

    ``passed`` are the host devices that it is given: the id of what stands for each, and its address on the host.
    """

    def __init__(self, run: Run, replaced: Iterable[str], adapted: Adapted, paths: Mapping[str, str]) -> None:
        self.run, self.replaced, self._paths = run, (*replaced, *adapted.replaced), paths
        self.passed = adapted.passed

    def boot(self, firmware: str = "seabios") -> BootedMachine:
        """Let the firmware run until its tables are in memory, and look. Raises ``VmError`` where they never come."""
        run = self.run
        run.qmp.execute("cont")
        end = time.monotonic() + _LIMIT_SECONDS[firmware]
        while (tables := _tables(run, firmware)) is None or not tables.named("FACP"):
            run.check_alive()
            if time.monotonic() > end:
                raise VmError(f"no ACPI tables after {_LIMIT_SECONDS[firmware]:g} s", "See the logs of the run.")
            time.sleep(_STEP_SECONDS)
        run.qmp.execute("stop")
        functions = tuple(_function(entry) for entry in entries(run.qmp.execute("query-pci")))
        return BootedMachine(functions, tables, self._memory(), self.names())

    def names(self) -> tuple[str, ...]:
        """The ids of the devices."""
        return tuple(sorted(child["name"] for child in _children(self.run, "/machine/peripheral")))

    def _memory(self) -> dict[str, str]:
        """For each ivshmem device, by its id or its path in QEMU, the path of its memory in the domain."""
        found = {}
        for parent in ("/machine/peripheral", "/machine/peripheral-anon"):
            for child in _children(self.run, parent):
                if child["type"] == "child<ivshmem-plain>":
                    path = f"{parent}/{child['name']}"
                    backend = self.run.qmp.execute("qom-get", path=path, property="memdev")
                    file = self.run.qmp.execute("qom-get", path=backend, property="mem-path") if backend else ""
                    name = child["name"] if parent.endswith("peripheral") else path
                    found[name] = self._paths.get(file, file)
        return found


def _children(run: Run, path: str) -> list[dict[str, Any]]:
    listed = run.qmp.execute("qom-list", path=path)
    return [entry for entry in listed if entry["type"].startswith("child<")]


def _tables(run: Run, firmware: str) -> Tables | None:
    return find_tables(Snapshot(run.read_memory), MEMORY_MIB << 20, firmware == "ovmf")


def _function(entry: dict[str, Any]) -> SeenFunction:
    sizes = [region["size"] for region in entry["regions"] if region["type"] == "memory"]
    return SeenFunction(entry["qdev_id"], address_of(entry), id_of(entry), max(sizes, default=0))


@contextmanager
def started(
    domain: Translated,
    accelerator: Accelerator,
    folder: Path,
    *,
    tables: Mapping[str, bytes],
    sizes: Mapping[str, int],
    prefix: Sequence[str] = (),
    firmware: Ovmf | None = None,
    empty: str = "/var/empty",
) -> Iterator[Started]:
    """Start a domain stopped. Raises ``VmError`` with QEMU's words where QEMU refuses it.

    ``tables``: the bytes of ACPI tables by path, where this machine has them not; ``sizes``: how large the host's
    shared memories are, by path, where the domain does not decide it; ``prefix`` is what QEMU is run by.
    """
    folder = own_folder(folder)
    with ExitStack() as stack:
        files: dict[str, SharedFile] = {}

        def memory(path: str, size: int) -> str:
            if path not in files:
                files[path] = stack.enter_context(shared_file(sizes.get(path, size)))
            return files[path].path

        words = (*domain.words, *domain.own)
        inherited = _lend(table_paths(words), tables, stack)
        lent = Lent({path: f"/proc/self/fd/{file}" for path, file in inherited.items()}, empty, memory)
        adapted = adapt(domain.words, domain.stand_ins, domain.own, lent, accelerator.name)
        command = [
            *(*prefix, domain.program, "-S", "-display", "none", "-no-reboot", "-accel", accelerator.name),
            *(*adapted.words, *firmware_words(firmware, folder)),
        ]
        descriptors = (*(file.descriptor for file in files.values()), *inherited.values())
        with launch(command, accelerator, folder, descriptors) as run:
            paths = {file.path: path for path, file in files.items()}
            yield Started(run, domain.replaced, adapted, paths)


def _lend(paths: Iterable[str], known: Mapping[str, bytes], stack: ExitStack) -> dict[str, int]:
    """A descriptor for each table whose bytes are known or can be read."""
    found = {}
    for path in paths:
        content = known.get(path) or read_table(path)
        if content is None:
            continue
        found[path] = os.memfd_create("optimux-table")
        stack.callback(os.close, found[path])
        os.write(found[path], content)
        os.lseek(found[path], 0, os.SEEK_SET)
    return found
