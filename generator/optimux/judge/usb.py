"""Can a USB controller go to a guest whole, with all that is plugged into it, now and later."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from optimux.judge.finding import BLOCKS, Finding, blocking, broken, unseen
from optimux.judge.roles import group_mates, label
from optimux.record import Record

if TYPE_CHECKING:
    from optimux.facts import Facts, PciDevice
    from optimux.facts.devices import UsbDevice

USB = "0c03"


class UsbVerdict(Record):
    """One controller: what hangs on it, and what speaks against giving it whole."""

    device: PciDevice
    attached: tuple[UsbDevice, ...]
    findings: tuple[Finding, ...]

    @property
    def whole(self) -> bool | None:
        """Whether it can be given whole; ``None`` where the IOMMU's groups cannot be seen."""
        if blocking(self.findings):
            return False
        return None if self.findings else True

    def as_data(self) -> dict[str, Any]:
        """The verdict as ``detect --json`` prints it."""
        return {
            "controller": str(self.device.address),
            "name": self.device.name,
            "devices": [device.port for device in self.attached],
            "whole": self.whole,
            "reasons": [{"found": f.found, "wanted": f.wanted, "remedy": f.remedy} for f in self.findings],
        }


def usb_verdicts(facts: Facts) -> tuple[UsbVerdict, ...]:
    """A verdict for every controller that is no part of a graphics card: those go with their card."""
    controllers = [d for d in facts.devices if d.pci_class == USB and not _of_a_card(facts, d)]
    return tuple(
        UsbVerdict(
            device,
            tuple(usb for usb in facts.usb if usb.controller == device.address),
            tuple(_findings(facts, device)),
        )
        for device in controllers
    )


def _of_a_card(facts: Facts, device: PciDevice) -> bool:
    return any(other.is_display for other in facts.slot(device.address))


def _findings(facts: Facts, device: PciDevice) -> Iterator[Finding]:
    if device.iommu_group is None:
        remedy = "Switch the IOMMU on and look again."
        yield unseen("usb.group", "no IOMMU group", "a group of its own", remedy)
    mates = [d for d in group_mates(facts, device) if not d.is_bridge]
    mates += [d for d in facts.slot(device.address) if d.iommu_group == device.iommu_group is not None and d != device]
    if mates:
        remedy = "Give single devices by their ids instead (usb.hostDevices), or plug into another controller."
        found = f"group {device.iommu_group} with {', '.join(label(mate) for mate in mates)}"
        yield broken("usb.group", found, "a group of its own", remedy, BLOCKS)
    used = [disk.name for disk in facts.disks if disk.controller == device.address and disk.in_use]
    if used:
        remedy = "Unmount it, or plug it into another controller."
        yield broken("usb.disk", f"{', '.join(used)} in use", "no disk of the host", remedy, BLOCKS)
    if _has_the_keyboard(facts, device):
        remedy = "Plug a second keyboard into another controller: the host would be left without one."
        yield broken("usb.keyboard", "the host's only keyboard", "a keyboard elsewhere", remedy, BLOCKS)


def _has_the_keyboard(facts: Facts, device: PciDevice) -> bool:
    """Whether every keyboard is a USB device of this controller; one on the built-in bus stays with the host."""
    keyboards = [item for item in facts.inputs if item.kind == "keyboard"]
    here = {usb.id for usb in facts.usb if usb.controller == device.address}
    elsewhere = {usb.id for usb in facts.usb if usb.controller != device.address}
    return bool(keyboards) and all(k.usb_id and k.usb_id in here and k.usb_id not in elsewhere for k in keyboards)
