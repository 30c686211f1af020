"""QEMU's arguments of a domain, with nothing of the host in them: what is started, and what of it was replaced.

A device stays a device at its place under its id, an object an object under its id, each in its notation: so whatever
QEMU would refuse of the domain it refuses here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimux.notation.qemu.command_line import options
from optimux.notation.qemu.errors import UnreadableError
from optimux.notation.qemu.json_text import write_json
from optimux.notation.qemu.numbers import read_host
from optimux.notation.qemu.properties import Properties
from optimux.record import Record
from optimux.vm.domain.stand_ins import DRIVER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from optimux.pci import Address
    from optimux.vm.domain.stand_ins import StandIn

_PLACE = ("driver", "id", "bus", "addr", "multifunction")
_DISK_SIZE = 1 << 30
# Devices of PCI behind which stands a device, a daemon or a socket of the host (QEMU 10, -device help).
_OF_HOST = ("vfio-", "vhost-", "virtio-input-host", "ivshmem-doorbell", "ivshmem-flat")
_LOST_DEVICES = ("usb-host", "tpm-", "scsi-block", "scsi-generic", "ccid-card-emulated", "u2f-passthru")
_LOST_OBJECTS = (
    *("input-linux", "input-barrier", "can-host-socketcan", "cryptodev-vhost-user", "iommufd", "sev-guest"),
    *("secret", "secret_keyring", "tls-creds-x509", "tls-creds-psk", "tls-creds-anon", "rng-random"),
)
_SILENT_PORTS = ("null", "spicevmc", "spiceport", "qemu-vdagent", "ringbuf", "mux")
# What the throwaway machine has of its own, or must not do to this host. Of the first ones nobody need hear.
_SILENT = ("S", "name", "sandbox", "msg", "mon", "no-shutdown", "overcommit", "accel")
_DROPPED = (
    *("qmp", "qmp-pretty", "monitor", "serial", "parallel", "debugcon", "gdb", "pidfile", "daemonize", "runas"),
    *("run-with", "chroot", "D", "trace", "incoming", "loadvm", "kernel", "initrd", "dtb", "append", "shim", "bios"),
    *("L", "cdrom", "hda", "hdb", "hdc", "hdd", "fda", "fdb", "pflash", "mtdblock", "sd", "display", "nographic"),
    *("full-screen", "enable-kvm", "no-reboot", "virtfs", "tpmdev", "add-fd", "plugin", "writeconfig", "readconfig"),
    *("mem-path", "mem-prealloc"),
)


class Lent(Record):
    """What stands for files of the host.

    ``tables``: paths that QEMU may read, by the domain's paths of ACPI tables; ``folder``: an empty one. ``memory``
    gives the path of a shared file of so many bytes, which stands for the domain's path.
    """

    tables: dict[str, str]
    folder: str
    memory: Callable[[str, int], str]


class Adapted(Record):
    """The words without the program, what was replaced, and the host devices that are given: id and address."""

    words: tuple[str, ...]
    replaced: tuple[str, ...]
    passed: tuple[tuple[str, Address], ...]


def adapt(
    words: Sequence[str], stand_ins: Iterable[StandIn], own: Sequence[str], lent: Lent, accelerator: str
) -> Adapted:
    """libvirt's ``words``, the devices that it was not given, and behind them the user's ``own`` words."""
    adapter = _Adapter(lent, accelerator)
    adapted = list(adapter.words(words))
    for stand_in in stand_ins:
        adapted += ["-device", write_json(stand_in.properties)]
        adapter.said += [f"{stand_in.id}: without {name}" for name in stand_in.overridden]
        adapter.passed += [(stand_in.id, stand_in.source)] if stand_in.source else []
    adapted += adapter.words(own)
    return Adapted(tuple(adapted), tuple(adapter.said), tuple(adapter.passed))


class _Adapter:
    """Options one by one; ``said`` collects what was replaced, ``passed`` the host devices by their ids."""

    def __init__(self, lent: Lent, accelerator: str) -> None:
        self.said: list[str] = []
        self.passed: list[tuple[str, Address]] = []
        self._lent, self._accelerator = lent, accelerator

    def words(self, words: Sequence[str]) -> Iterator[str]:
        """What stands for some words."""
        for option in options(words):
            if option.name in (*_SILENT, *_DROPPED):
                if option.name in _DROPPED:
                    self._say(f"-{option.name} {option.value or ''}".strip(), "left out")
                continue
            value = self._value(option.name, option.value) if option.value is not None else ""
            if value is not None:
                yield from words[option.first : option.first + option.count - bool(value)]
                yield from [value] if value else []

    def _value(self, name: str, text: str) -> str | None:
        """What stands for an option's value; ``None`` where the option goes. What QEMU cannot read it shall see."""
        if plain := _PLAIN.get(name):
            return plain(self, text)
        change = _CHANGES.get(name)
        if change is None:
            return text
        try:
            properties = Properties(name, text)
        except UnreadableError:
            return text
        return properties.written() if change(self, properties) else None

    def _say(self, what: str, by: str) -> None:
        self.said.append(f"{what}: {by}")

    def device(self, device: Properties) -> bool:
        """Devices of the host become emulated ones at their places."""
        driver = device.get("driver")
        if driver.startswith(_LOST_DEVICES):
            self._say(f"device {driver} {device.get('id')}".strip(), "left out")
            return False
        if driver.startswith(_OF_HOST):
            what = f"device {driver} {device.get('host') or device.get('id')}".strip()
            self._say(what, "an emulated one in its place")
            address = read_host(device.get("host"))
            if not device.get("id"):
                device.set("id", f"optimux-{len(self.passed)}")
            self.passed += [(device.get("id"), address)] if address else []
            _only(device, *_PLACE)
            device.set("driver", DRIVER)
        device.unset("romfile")
        return True

    def object(self, made: Properties) -> bool:
        """Memory is a file without a name; an object of the host is another one under its id."""
        kind, id_, path = made.get("qom-type"), made.get("id"), made.get("mem-path")
        if id_ == "masterKey0":
            return False
        if kind.startswith("memory-backend-") and path:
            self._say(f"memory {path}", "a file of the same size without a name")
            made.set("mem-path", self._lent.memory(path, made.size("size") or 0))
        elif kind in _LOST_OBJECTS:
            self._say(f"{kind} {made.get('evdev') or id_}", "nothing")
            _only(made, "qom-type", "id")
            made.set("qom-type", "rng-builtin")
        return True

    def blockdev(self, node: Properties) -> bool:
        """Storage of the host reads as zeroes; a format over it becomes none."""
        if any(key.partition(".")[0] == "file" for key in node.values):
            _only(node, "driver", "node-name", "read-only", "file")
            node.set("driver", "raw")
            return True
        _only(node, "driver", "node-name", "read-only")
        node.set("driver", "null-co")
        node.set("size", _DISK_SIZE)
        return True

    def drive(self, drive: Properties) -> bool:
        """Like storage; firmware in flash goes, for SeaBIOS boots."""
        file = drive.get("file")
        if drive.get("if") == "pflash":
            self._say(f"-drive {file}", "left out, SeaBIOS boots")
            return False
        if file:
            self._say(f"-drive {file}", "an empty one")
            drive.unset("aio")
            drive.set("file", "null-co://")
            drive.set("format", "raw")
        return True

    def netdev(self, net: Properties) -> bool:
        """A network without a host."""
        _only(net, "type", "id")
        return net.set("type", "user") or True

    def chardev(self, port: Properties) -> bool:
        """A port that nobody listens to; libvirt's own monitor goes."""
        if port.get("id") == "charmonitor":
            return False
        if port.get("backend") not in _SILENT_PORTS:
            _only(port, "backend", "id", "mux")
            port.set("backend", "null")
        return True

    def fsdev(self, shared: Properties) -> bool:
        """An empty folder."""
        return shared.set("path", self._lent.folder) or True

    def audiodev(self, sound: Properties) -> bool:
        """Silence."""
        _only(sound, "driver", "id")
        return sound.set("driver", "none") or True

    def acpitable(self, table: Properties) -> bool:
        """QEMU splits a path at a colon, so each table is given by its descriptor."""
        key = "file" if table.get("file") else "data"
        paths = [path for path in table.get(key).split(":") if path]
        if missing := [path for path in paths if path not in self._lent.tables]:
            self._say(f"ACPI table {', '.join(missing)}, which cannot be read here", "left out")
            return False
        if paths:
            table.set(key, ":".join(self._lent.tables[path] for path in paths))
        return True

    def fw_cfg(self, entry: Properties) -> bool:
        """An entry without its file's contents."""
        if entry.unset("file"):
            entry.set("string", "")
        return True

    def smbios(self, entry: Properties) -> bool:
        """Values stay, files go."""
        if entry.get("file"):
            self._say(f"-smbios {entry.get('file')}", "left out")
        return not entry.get("file")

    def machine(self, machine: Properties) -> bool:
        """The accelerator is the throwaway machine's."""
        machine.unset("accel")
        if self._accelerator == "tcg":
            machine.unset("kernel_irqchip")
            machine.unset("kernel-irqchip")
        return True

    def cpu(self, text: str) -> str:
        """Without KVM a generic one. Without the two features a guest copies in words, which an emulator does fast."""
        if self._accelerator != "tcg":
            return text
        model, comma, rest = text.partition(",")
        return f"{'max' if model == 'host' else model}{comma}{rest},erms=off,fsrm=off"

    def spice(self, text: str) -> str:
        """Listening nowhere."""
        if not text.startswith("port=0,"):
            self._say("-spice", "listening nowhere")
        return "port=0,disable-ticketing=on"

    def vnc(self, _: str) -> str:
        """Listening nowhere."""
        return "none"

    def nic(self, text: str) -> str:
        """A card without a host's network; what is said of the card stays."""
        kept = [word for word in text.split(",")[1:] if word.startswith(("model=", "mac=", "id="))]
        return ",".join(["user", *kept])


_CHANGES: dict[str, Callable[[_Adapter, Properties], bool]] = {
    "device": _Adapter.device,
    "object": _Adapter.object,
    "blockdev": _Adapter.blockdev,
    "drive": _Adapter.drive,
    "netdev": _Adapter.netdev,
    "chardev": _Adapter.chardev,
    "fsdev": _Adapter.fsdev,
    "audiodev": _Adapter.audiodev,
    "acpitable": _Adapter.acpitable,
    "fw_cfg": _Adapter.fw_cfg,
    "smbios": _Adapter.smbios,
    "machine": _Adapter.machine,
}
_PLAIN: dict[str, Callable[[_Adapter, str], str]] = {
    "cpu": _Adapter.cpu,
    "spice": _Adapter.spice,
    "vnc": _Adapter.vnc,
    "nic": _Adapter.nic,
}


def _only(properties: Properties, *keys: str) -> None:
    for key in list(properties.values):
        if key not in keys:
            properties.unset(key)


def table_paths(words: Sequence[str]) -> Iterator[str]:
    """The paths of every ``-acpitable``."""
    for option in options(words):
        if option.name == "acpitable" and option.value:
            table = Properties("acpitable", option.value)
            yield from (path for path in (table.get("file") or table.get("data")).split(":") if path)
