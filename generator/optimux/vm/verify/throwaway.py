"""The throwaway machine of one VM: its table, its shared memory and its root ports, and nothing else of it."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from optimux.files.scratch import own_folder, write_new
from optimux.record import Record
from optimux.vm.qemu.machine import AcpiTable, Machine
from optimux.vm.qemu.memory import SharedFile, shared_file
from optimux.vm.qemu.programs import has_machine
from optimux.vm.verify.generated import read_generated

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from optimux.vm.evidence.checks import Subject
    from optimux.vm.qemu.run import Run
    from optimux.vm.verify.generated import Generated

NEWEST = "q35"  # QEMU's alias


class Throwaway(Record):
    """The machine, and what is known of it.

    ``wanted`` is the domain's machine type, ``source`` the path that it names for the shared memory, ``file`` the
    host's side of what stands for it (both empty where there is none), ``descriptors`` what QEMU must inherit.
    """

    machine: Machine
    wanted: str
    source: str
    file: SharedFile | None
    descriptors: tuple[int, ...]

    def on(self, run: Run) -> str:
        """What it runs on, in words: QEMU's version, the machine type, the accelerator."""
        kind = self.machine.machine
        why = "" if kind == self.wanted else f", as it has no {self.wanted}"
        return f"QEMU {run.qmp.version}: {kind}{why}; {run.accelerator}"


@contextmanager
def throwaway(subject: Subject, qemu: str, folder: Path) -> Iterator[Throwaway]:
    """Build it from the generated XML; a table that the XML does not name, or by another path, is not there.

    The machine type is the domain's where ``qemu`` knows it, else that QEMU's newest q35.
    The shared memory is a file of its own, as large as the XML says: the host's real device is left alone.
    """
    domain = read_generated(subject.xml)
    folder = own_folder(folder)
    with ExitStack() as stack:
        (source, file), shared = ("", None), []
        for device in domain.shared:
            if subject.memory and device.id == subject.memory.name:
                source, file = device.path, stack.enter_context(shared_file(device.size))
                shared.append(device.on(file.path))
        tables = tuple(_tables(subject, domain, folder, stack))
        kind = domain.machine if has_machine(qemu, domain.machine) else NEWEST
        machine = Machine(
            machine=kind,
            tables=tuple(AcpiTable(f"/proc/self/fd/{descriptor}", options) for descriptor, options in tables),
            ports=domain.ports,
            shared=tuple(shared),
        )
        inherited = (*(file.descriptor for file in (file,) if file), *(descriptor for descriptor, _ in tables))
        yield Throwaway(machine, domain.machine, source, file, inherited)


def _tables(
    subject: Subject, domain: Generated, folder: Path, stack: ExitStack
) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Descriptors of the tables, and their options. QEMU gets no path: it would split one at a colon."""
    for table in domain.tables:
        if subject.table is not None and table.path == subject.table_path:
            path = folder / "battery.aml"
            write_new(path, subject.table)
            yield stack.enter_context(path.open("rb")).fileno(), table.options
