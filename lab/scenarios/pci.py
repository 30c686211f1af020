"""PCI functions of the machine, as sysfs shows them."""

from __future__ import annotations

from pathlib import Path

DEVICES = Path("/sys/bus/pci/devices")


def driver(address: str) -> str | None:
    """The name of the driver that has the function."""
    link = DEVICES / address / "driver"
    return link.resolve().name if link.exists() else None


def group(address: str) -> list[str]:
    """The functions of its IOMMU group; none without an IOMMU."""
    return sorted(entry.name for entry in (DEVICES / address).glob("iommu_group/devices/*"))


def attribute(address: str, name: str) -> str:
    """The text of an attribute."""
    return (DEVICES / address / name).read_text().strip()


def write(address: str, name: str, text: str) -> None:
    """Write an attribute."""
    (DEVICES / address / name).write_text(text)


def bind(address: str, name: str) -> None:
    """Give the function to a driver, whoever has it."""
    if driver(address):
        write(address, "driver/unbind", address)
    write(address, "driver_override", name)
    (DEVICES.parent / "drivers_probe").write_text(address)
    if driver(address) != name:
        raise RuntimeError(f"{address} is bound to {driver(address)}, not to {name}")
