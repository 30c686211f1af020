"""A throwaway machine as a value, and the QEMU arguments that make it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from optimux.notation.libvirt import bus_id
from optimux.notation.qemu.properties import escaped
from optimux.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optimux.vm.qemu.accel import Accelerator
    from optimux.vm.qemu.programs import Ovmf


class AcpiTable(Record):
    """A table for the firmware, a file on this machine; ``options`` are further ones of ``-acpitable``."""

    path: str
    options: tuple[str, ...] = ()

    @property
    def argument(self) -> str:
        """The value of ``-acpitable``. A colon in the path would end it: QEMU takes several files there."""
        return ",".join((*self.options, f"file={self.path.replace(',', ',,')}"))


class Ivshmem(Record):
    """An ivshmem-plain device over a file: ``backend`` and ``frontend`` are what ``-object`` and ``-device`` get."""

    backend: dict[str, Any]
    frontend: dict[str, Any]

    @classmethod
    def plain(cls, id: str, path: str, size: int, bus: str = "pcie.0", address: str | None = None) -> Ivshmem:
        """As libvirt makes one of ``<shmem>``; ``address`` is ``0x10``, or ``None`` for QEMU's choice."""
        backend = {"qom-type": "memory-backend-file", "id": id, "mem-path": path, "size": size, "share": True}
        frontend = {"driver": "ivshmem-plain", "id": f"{id}-device", "memdev": id, "bus": bus}
        return cls(backend, frontend | ({"addr": address} if address else {}))

    @property
    def id(self) -> str:
        """The backend's."""
        return str(self.backend["id"])

    @property
    def path(self) -> str:
        """The file."""
        return str(self.backend["mem-path"])

    @property
    def size(self) -> int:
        """In bytes."""
        return int(self.backend["size"])

    def on(self, path: str) -> Ivshmem:
        """The same over another file."""
        return self.replace(backend=self.backend | {"mem-path": path})


class Port(Record):
    """A pcie-root-port: ``index`` is the guest's bus behind it, named ``pci.<index>`` as libvirt does."""

    index: int
    address: str
    multifunction: bool


class Kernel(Record):
    """A direct kernel boot."""

    image: str
    initrd: str | None
    append: str


class Share(Record):
    """A folder of this machine as a 9p file system with the mount tag ``tag``."""

    tag: str
    path: str
    readonly: bool = True


class Machine(Record):
    """What QEMU should build. ``arguments`` is for everything that has no field."""

    machine: str = "q35"
    memory_mib: int = 128
    processors: int = 1
    firmware: Ovmf | None = None  # None: SeaBIOS
    tables: tuple[AcpiTable, ...] = ()
    ports: tuple[Port, ...] = ()
    shared: tuple[Ivshmem, ...] = ()
    kernel: Kernel | None = None
    shares: tuple[Share, ...] = ()
    arguments: tuple[str, ...] = ()


def command_line(machine: Machine, accelerator: Accelerator) -> list[str]:
    """The arguments after the program's name, without what the run itself adds (QMP, qtest, consoles)."""
    return [
        *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
        *("-machine", machine.machine, "-accel", accelerator.name, "-cpu", accelerator.cpu),
        *("-m", f"{machine.memory_mib}M", "-smp", str(machine.processors)),
        *(word for table in machine.tables for word in ("-acpitable", table.argument)),
        *(word for port in machine.ports for word in ("-device", _json(_port(port)))),
        *(word for device in machine.shared for word in _ivshmem(device)),
        *_kernel(machine.kernel),
        *(word for share in machine.shares for word in ("-virtfs", _share(share))),
        *machine.arguments,
    ]


def flash(firmware: Ovmf, variables: str) -> list[str]:
    """UEFI firmware with a copy of its variables."""
    code, copy = (escaped(path) for path in (firmware.code, variables))
    return [
        *("-drive", f"if=pflash,format=raw,readonly=on,file={code}"),
        *("-drive", f"if=pflash,format=raw,file={copy}"),
    ]


def _port(port: Port) -> dict[str, object]:
    place = {"driver": "pcie-root-port", "id": bus_id(port.index), "bus": bus_id(0), "addr": port.address}
    return place | {"chassis": port.index, "port": port.index, "multifunction": port.multifunction}


def _ivshmem(device: Ivshmem) -> Iterator[str]:
    yield from ("-object", _json(device.backend))
    yield from ("-device", _json(device.frontend))


def _kernel(kernel: Kernel | None) -> Iterator[str]:
    if kernel:
        yield from ("-kernel", kernel.image, "-append", kernel.append)
        if kernel.initrd:
            yield from ("-initrd", kernel.initrd)


def _share(share: Share) -> str:
    path = escaped(share.path)
    return f"local,path={path},mount_tag={share.tag},security_model=none" + (",readonly=on" if share.readonly else "")


def _json(values: dict[str, object]) -> str:
    return json.dumps(values, separators=(",", ":"))
