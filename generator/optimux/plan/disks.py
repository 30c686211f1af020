"""Disks: bus, format and target of each, by libvirt's customs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import count

from optimux.findings import doubled
from optimux.options.vm import devices as options
from optimux.options.vm.devices import DiskBus
from optimux.pci import Address
from optimux.plan.customs import drive_place
from optimux.plan.devices import Disk, settled
from optimux.plan.wanted import Wanted

PREFIXES = {"virtio": "vd", "sata": "sd", "scsi": "sd", "usb": "sd", "nvme": "nvme"}
PCI_BUSES = ("virtio", "nvme")


def resolve_disks(wanted: Wanted) -> tuple[Disk, ...]:
    """The disks with bus, format, discard, readonly and target filled in, in the user's order and without places."""
    disks = wanted.vm.disks
    taken = {disk.target for disk in disks if disk.target}
    names = {prefix: _targets(prefix) for prefix in set(PREFIXES.values())}
    resolved = []
    for index, disk in enumerate(disks):
        cdrom = disk.device == "cdrom"
        bus = bus_of(disk)
        target = disk.target or next(name for name in names[PREFIXES[bus]] if name not in taken)
        taken.add(target)
        resolved.append(
            settled(
                Disk,
                disk,
                placement=None,
                index=index,
                bus=bus,
                target=target,
                format=disk.format or ("raw" if cdrom or disk.type == "block" else "qcow2"),
                discard=disk.discard or ("default" if cdrom else "unmap"),
                readonly=cdrom if disk.readonly is None else disk.readonly,
            )
        )
        _check(resolved[-1], disk.address, f"disks[{index}]", wanted)
    _check_targets(resolved, wanted)
    _check_sources(resolved, wanted)
    _check_places(resolved, wanted)
    return tuple(resolved)


def bus_of(disk: options.Disk) -> DiskBus:
    """The stated one, else virtio, which no firmware reads a CD-ROM from."""
    return disk.bus or ("sata" if disk.device == "cdrom" else "virtio")


def in_libvirts_order(disks: tuple[Disk, ...]) -> tuple[Disk, ...]:
    """Those of one bus together, by target (virDomainDiskInsert in src/conf/domain_conf.c)."""
    buses = [disk.bus for disk in disks]
    return tuple(sorted(disks, key=lambda disk: (buses.index(disk.bus), len(disk.target), disk.target)))


def last_controller(disks: Iterable[Disk], bus: DiskBus) -> int:
    """The index of the last controller that resolved disks of a bus need; libvirt adds all below it. -1 for none."""
    places = (disk.drive_address or _default_place(disk) for disk in disks if disk.bus == bus)
    return max((int(place.partition(":")[0]) for place in places if place), default=-1)


def _targets(prefix: str) -> Iterator[str]:
    """Every target of a prefix, in order."""
    return (f"nvme{n}n1" if prefix == "nvme" else prefix + _letters(n) for n in count())


def _letters(number: int) -> str:
    """a to z, aa to az, …: the kernel's disk names."""
    text = ""
    number += 1
    while number:
        number, digit = divmod(number - 1, 26)
        text = chr(ord("a") + digit) + text
    return text


def _check(disk: Disk, address: Address | None, path: str, wanted: Wanted) -> None:
    kind = (f"{path}.bus", f"{path}.device")  # which also decides the bus that nobody states
    if disk.iothread and disk.bus != "virtio":
        wanted.error(f"{path}.iothread", disk.iothread, "virtio disks only", "Remove it.", kind)
    if disk.source is None and disk.bus == "usb":
        wanted.error(f"{path}.source", "nothing", "an image, on USB", 'Name one, or use bus = "sata".', kind)
    elif disk.source is None and disk.device == "disk":
        wanted.error(f"{path}.source", "nothing", "a path", "Only a CD-ROM drive may be empty.", kind)
    if disk.create and (disk.type != "file" or disk.device != "disk"):
        wanted.error(
            f"{path}.create", disk.create, "only with an image file of a disk", "Remove it.", (f"{path}.type", *kind)
        )
    if address and disk.bus not in PCI_BUSES:
        wanted.error(f"{path}.address", address, "virtio or nvme disks only", "Use driveAddress.", kind)
    if disk.drive_address:
        _check_drive_address(disk, disk.drive_address, path, wanted)
    if disk.device == "cdrom" and disk.bus in PCI_BUSES:
        wanted.error(f"{path}.bus", disk.bus, "sata, scsi or usb for a CD-ROM", 'Use "sata".', kind)
    if not disk.target.startswith(PREFIXES[disk.bus]):
        wanted.error(f"{path}.target", disk.target, f"{PREFIXES[disk.bus]}…", "Or leave it out.", kind)


def _check_drive_address(disk: Disk, address: str, path: str, wanted: Wanted) -> None:
    """Both controllers have one bus; ICH9's has six ports, virtio-scsi 256 targets."""
    _, bus, target, unit = (int(part) for part in address.split(":"))
    where, kind = f"{path}.driveAddress", (f"{path}.bus", f"{path}.device")
    if disk.bus not in ("sata", "scsi"):
        wanted.error(where, address, "sata or scsi disks only", "Leave it out.", kind)
    elif bus or (disk.bus == "sata" and (target or unit > 5)):
        allowed = "N:0:0:0 to N:0:0:5 for sata, N:0:target:unit for scsi"
        wanted.error(where, address, allowed, "Correct it, or leave it out.", kind)


def _check_targets(disks: list[Disk], wanted: Wanted) -> None:
    for index, target, first in doubled((index, disk.target) for index, disk in enumerate(disks)):
        remedy, because = f"It is disks[{first}]'s.", (f"disks[{first}]", f"disks[{index}]")
        wanted.error(f"disks[{index}].target", target, "each target once", remedy, because)


def _check_sources(disks: list[Disk], wanted: Wanted) -> None:
    """Two writers of one image destroy it; QEMU's lock stops the second only for formats that have one."""
    written = ((index, disk.source) for index, disk in enumerate(disks) if disk.source and not disk.readonly)
    for index, source, first in doubled(written):
        remedy = f"It is disks[{first}]'s; name another image, or set readonly on both."
        because = (f"disks[{first}]", f"disks[{index}]")
        wanted.error(f"disks[{index}].source", source, "each image once", remedy, because)


def _check_places(disks: list[Disk], wanted: Wanted) -> None:
    """Two disks at one place of a drive controller: stated, or by libvirt's rule for what states none."""
    placed = ((index, disk.drive_address or _default_place(disk)) for index, disk in enumerate(disks))
    for index, (_, place), first in doubled((index, (disks[index].bus, place)) for index, place in placed if place):
        key = "driveAddress" if disks[index].drive_address else "target"
        remedy = f"disks[{first}] is there already; move one of them."
        because = (f"disks[{first}]", f"disks[{index}]")
        wanted.error(f"disks[{index}].{key}", place, "each drive address once", remedy, because)


def _default_place(disk: Disk) -> str | None:
    """The drive address that libvirt gives a disk which states none."""
    place = drive_place(disk.bus, disk.target)
    return None if place is None else f"{place[0]}:0:0:{place[1]}"
