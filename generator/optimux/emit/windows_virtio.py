"""virtio in Windows, which brings none of its drivers: what Setup needs to see a disk, and the rest after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optimux.plan.model import DomainPlan

_LOAD = """\
While Windows is installed, have virtio-win.iso in a second CD-ROM drive. Where Setup asks for the disk,
choose "Load driver" and load, from that CD:"""
_REST = r"""Install the other drivers from virtio-win.iso:
    msiexec /i E:\virtio-win-gt-x64.msi
E: stands for the drive that has it."""


def virtio_steps(domain: DomainPlan) -> list[str]:
    """The steps before all others; none where no device is virtio's."""
    drivers = domain.windows.setup_drivers
    steps = [_setup(drivers, domain.windows.virtio_folder)] if drivers else []
    return [*steps, _REST] if drivers or _has_more(domain) else []


def driver_folder(driver: str, folder: str) -> str:
    """Where virtio-win has a driver for this Windows, from the root of its medium."""
    return rf"{driver}\{folder}\amd64"


def _has_more(domain: DomainPlan) -> bool:
    virtio_inputs = any(device.bus == "virtio" for device in domain.inputs)
    return bool(domain.channels or domain.memballoon or virtio_inputs)


def _setup(drivers: tuple[str, ...], folder: str) -> str:
    lines = [f"    {driver_folder(driver, folder)}" for driver in drivers]
    return "\n".join([_LOAD, *lines, "Skip this where Windows is installed already."])
