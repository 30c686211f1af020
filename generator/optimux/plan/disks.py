"""Disks: bus, format and target of each, by libvirt's customs."""

from __future__ import annotations

from optimux.findings import Findings
from optimux.options.vm.devices import Disk

PREFIXES = {"virtio": "vd", "sata": "sd", "scsi": "sd", "usb": "sd", "nvme": "nvme"}
PCI_BUSES = ("virtio", "nvme")


def resolve_disks(disks: tuple[Disk, ...], path: str, findings: Findings) -> tuple[Disk, ...]:
    """The disks with bus, format, discard, readonly and target filled in."""
    taken = {disk.target for disk in disks if disk.target}
    resolved = []
    for index, disk in enumerate(disks):
        cdrom = disk.device == "cdrom"
        bus = disk.bus or ("sata" if cdrom else "virtio")
        target = disk.target or _next_target(PREFIXES[bus], taken)
        taken.add(target)
        resolved.append(
            disk.replace(
                bus=bus,
                target=target,
                format=disk.format or ("raw" if cdrom or disk.type == "block" else "qcow2"),
                discard=disk.discard or ("default" if cdrom else "unmap"),
                readonly=cdrom if disk.readonly is None else disk.readonly,
            )
        )
        _check(resolved[-1], f"{path}.disks[{index}]", findings)
    _check_targets(resolved, path, findings)
    return tuple(resolved)


def _next_target(prefix: str, taken: set[str]) -> str:
    if prefix == "nvme":
        return next(name for n in range(len(taken) + 1) if (name := f"nvme{n}n1") not in taken)
    return next(name for n in range(len(taken) + 1) if (name := prefix + _letters(n)) not in taken)


def _letters(number: int) -> str:
    """a to z, aa to az, …: the kernel's disk names."""
    text = ""
    number += 1
    while number:
        number, digit = divmod(number - 1, 26)
        text = chr(ord("a") + digit) + text
    return text


def _check(disk: Disk, path: str, findings: Findings) -> None:
    if disk.source is None and disk.device == "disk":
        findings.error(f"{path}.source", "nothing", "a path", "Only a CD-ROM drive may be empty.")
    if disk.address and disk.bus not in PCI_BUSES:
        findings.error(f"{path}.address", disk.address, "virtio or nvme disks only", "Use driveAddress.")
    if disk.drive_address and disk.bus in PCI_BUSES:
        findings.error(f"{path}.driveAddress", disk.drive_address, "sata, scsi or usb disks only", "Use address.")
    if disk.device == "cdrom" and disk.bus in PCI_BUSES:
        findings.error(f"{path}.bus", disk.bus, "sata, scsi or usb for a CD-ROM", 'Use "sata".')
    if disk.target and not disk.target.startswith(PREFIXES[disk.bus or "virtio"]):
        findings.error(f"{path}.target", disk.target, f"{PREFIXES[disk.bus or 'virtio']}…", "Or leave it out.")


def _check_targets(disks: list[Disk], path: str, findings: Findings) -> None:
    first: dict[str | None, int] = {}
    for index, disk in enumerate(disks):
        if disk.target in first:
            where = f"{path}.disks[{index}].target"
            findings.error(where, disk.target, "each target once", f"It is disks[{first[disk.target]}]'s.")
        first.setdefault(disk.target, index)
