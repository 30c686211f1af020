"""A stand-in for /sys/bus/pci in a session: what a script writes there can be read back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests import needs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lab.consumers.session import Session

_MAKE = """mount -t tmpfs pci /sys/bus/pci && cd /sys/bus/pci && mkdir devices drivers && : >drivers_probe
for device; do mkdir "devices/$device" && echo "(null)" >"devices/$device/driver_override"; done"""


def make(session: Session, devices: Iterable[str], *, bound: str = "") -> None:
    """Devices without a driver; ``bound`` has one that is built into the kernel."""
    needs.root("mounting over a session's /sys")
    session.run(["sh", "-c", _MAKE, "make", *devices])
    if bound:
        session.run(
            ["sh", "-c", f"cd /sys/bus/pci && mkdir drivers/xhci && ln -s ../../drivers/xhci devices/{bound}/driver"]
        )


def override(session: Session, device: str) -> str:
    """The driver that alone may take the device."""
    return session.read(f"/sys/bus/pci/devices/{device}/driver_override").decode().strip()
