"""The kernel modules behind a card: which others depend on them, and references that no process shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimux.facts.detect.pci import address_of
from optimux.record import Record
from optimux.rules import rules

if TYPE_CHECKING:
    from optimux.facts import PciDevice
    from optimux.host.handover.nodes import Sysfs
    from optimux.pci import Address

VFIO = "vfio-pci"


class Module(Record):
    """A driver's module: the PCI functions that it drives, its references, and those that modules and drivers have."""

    name: str
    driver: str
    addresses: tuple[Address, ...]
    references: int
    explained: int

    def unexplained(self, open_nodes: int) -> int:
        """References that neither modules nor ``open_nodes`` descriptors on its functions account for."""
        return max(0, self.references - self.explained - open_nodes)


def module_of(sysfs: Sysfs, device: PciDevice) -> Module | None:
    """The module that drives a function; ``None`` where none does, or the driver is built in."""
    driver = device.driver
    if driver is None:
        return None
    base = f"/sys/bus/pci/drivers/{driver}"
    name = sysfs.target(f"{base}/module")
    count = sysfs.text(f"/sys/module/{name}/refcnt") if name else None
    if name is None or count is None or not count.lstrip("-").isdecimal():
        return None
    addresses = tuple(address for entry in sysfs.names(base) if (address := address_of(entry)))
    users = sysfs.names(f"/sys/module/{name}/holders")
    return Module(name, driver, addresses, int(count), len(users) + _by_sound(sysfs, name, addresses))


def _by_sound(sysfs: Sysfs, name: str, addresses: tuple[Address, ...]) -> int:
    """The HDMI sound beside a GPU holds its driver (sound/hda/hdac_component.c), one reference a controller."""
    if name not in rules()["handover"]["heldBySound"]:
        return 0
    slots = {address.device for address in addresses}
    driver = "/sys/bus/pci/drivers/snd_hda_intel"
    own = [found for entry in sysfs.names(driver) if (found := address_of(entry))]
    beside = sum(address.device in slots for address in own)
    # An integrated GPU's sound is the platform's, in another slot of bus 0.
    return beside or sum(address.bus == 0 for address in own if any(a.bus == 0 for a in addresses))
