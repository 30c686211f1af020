"""Binding by address: ``driver_override``, written while no GPU driver is loaded yet.

Once it is written, no other driver can take the device, and vfio-pci takes it as soon as it is loaded (Linux,
Documentation/ABI/testing/sysfs-bus-pci).
"""

from __future__ import annotations

from optimux.plan.model import Plan

PURPOSE = "gives these PCI functions, and no others of their id, to vfio-pci."


def override_lines(plan: Plan) -> list[str]:
    """The script for a POSIX shell with no program at hand but ``echo``: addresses are hexadecimal, so safe in it."""
    addresses = " ".join(str(address) for address in plan.host.override_addresses)
    return [
        f"for address in {addresses}; do",
        "    device=/sys/bus/pci/devices/$address",
        '    [ -e "$device/driver_override" ] || continue',
        '    echo vfio-pci >"$device/driver_override"',
        "    # A driver that is built into the kernel came first: it gives the function back.",
        '    [ ! -e "$device/driver" ] || echo "$address" >"$device/driver/unbind"',
        '    echo "$address" >/sys/bus/pci/drivers_probe',
        "done",
    ]
