"""virtio in Windows, which brings none of its drivers: what Setup needs to see a disk, and the rest after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optimux.plan.model import DomainPlan

# Folders of virtio-win.iso.
_DISK_DRIVERS = {"virtio": "viostor", "scsi": "vioscsi"}
_NETWORK_DRIVER = "NetKVM"
_SERIAL_DRIVER = "vioserial"
_LOAD = """\
While Windows is installed, have virtio-win.iso in a second CD-ROM drive. Where Setup asks for the disk,
choose "Load driver" and load, from that CD:"""
_REST = r"""Install the other drivers from virtio-win.iso:
    msiexec /i E:\virtio-win-gt-x64.msi
E: stands for the drive that has it."""


def virtio_steps(domain: DomainPlan) -> list[str]:
    """The steps before all others; none where no device is virtio's."""
    drivers = setup_drivers(domain)
    steps = [_setup(drivers, _folder(domain.os_id))] if drivers else []
    return [*steps, _REST] if drivers or _has_more(domain) else []


def setup_drivers(domain: DomainPlan) -> list[str]:
    """Those that Windows Setup has to load: without the first there is no disk, without NetKVM no network."""
    disks = (_DISK_DRIVERS.get(disk.bus or "") for disk in domain.disks if disk.device == "disk")
    networks = (_NETWORK_DRIVER for network in domain.networks if network.model == "virtio")
    needed = list(dict.fromkeys(driver for driver in (*disks, *networks) if driver))
    # Setup does well without it; where drivers are loaded at all, the guest agent answers from the first start.
    return [*needed, _SERIAL_DRIVER] if needed and domain.channels else needed


def _has_more(domain: DomainPlan) -> bool:
    virtio_inputs = any(device.bus == "virtio" for device in domain.inputs)
    return bool(domain.channels or domain.memballoon or virtio_inputs)


def _setup(drivers: list[str], folder: str) -> str:
    lines = [rf"    {driver}\{folder}\amd64" for driver in drivers]
    return "\n".join([_LOAD, *lines, "Skip this where Windows is installed already."])


def _folder(os_id: str) -> str:
    """virtio-win's name of a Windows: libosinfo's, with a w before 8.1, 10 and 11 but not before 2k25."""
    version = os_id.rstrip("/").rpartition("/")[2]
    return f"w{version}" if version.replace(".", "").isdigit() else version
