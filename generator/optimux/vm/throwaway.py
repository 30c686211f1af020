"""The throwaway machine of one VM: its table, its shared memory and its root ports, and nothing else of it."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from optimux.record import Record
from optimux.vm.domain import read_domain
from optimux.vm.machine import AcpiTable, Machine
from optimux.vm.memory import SharedFile, shared_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from optimux.vm.checks import Subject
    from optimux.vm.domain import Domain


class Throwaway(Record):
    """The machine, and the host's side of its shared memory (``None`` where the domain has none)."""

    machine: Machine
    file: SharedFile | None

    @property
    def descriptors(self) -> tuple[int, ...]:
        """What QEMU must inherit."""
        return (self.file.descriptor,) if self.file else ()


@contextmanager
def throwaway(subject: Subject, folder: Path) -> Iterator[Throwaway]:
    """Build it from the generated XML; a table that the XML does not name, or by another path, is not there.

    The shared memory is a file of its own, as large as the XML says: the host's real device is left alone.
    """
    domain = read_domain(subject.xml)
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        shared, file = [], None
        for device in domain.shared:
            if subject.memory and device.id == subject.memory.name:
                file = stack.enter_context(shared_file(device.size))
                shared.append(device.replace(path=file.path))
        tables = tuple(_tables(subject, domain, folder))
        yield Throwaway(Machine(tables=tables, ports=domain.ports, shared=tuple(shared)), file)


def _tables(subject: Subject, domain: Domain, folder: Path) -> Iterator[AcpiTable]:
    for table in domain.tables:
        if subject.table is not None and table.path == subject.table_path:
            path = (folder / "battery.aml").resolve()
            path.write_bytes(subject.table)
            yield AcpiTable(str(path), table.kind)
