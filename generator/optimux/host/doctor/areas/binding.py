"""Which driver has the card now, since when in this boot, and who else would take it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from optimux.host.doctor.check import Result, broken, check, holds, unlogged

if TYPE_CHECKING:
    from optimux.facts import PciDevice
    from optimux.host.doctor.log import Log
    from optimux.host.doctor.look import Card, Look

DEVICES = "/sys/bus/pci/devices"
VFIO = ("vfio-pci", "vfio_pci")


@check(
    "driver.now",
    "vfio-pci on every function, as the plan binds it",
    "QEMU opens the card through vfio-pci alone; a function that another driver has keeps its group on the host.",
)
def now(look: Look) -> Iterator[Result]:
    """Each function's driver; a card that libvirt binds may be the host's until a VM starts."""
    for card in look.cards:
        devices = look.devices(card)
        mixed = len({device.driver in VFIO for device in devices if device.driver}) > 1
        runs = [domain.name for domain in look.domains if _has(domain, card) and look.running(domain.name)]
        for device in devices:
            yield from _now(device, card, mixed=mixed, runs=runs)


def _has(domain: object, card: Card) -> bool:
    return bool({f.address for f in getattr(domain, "card", ())} & set(card.functions))


def _now(device: PciDevice, card: Card, *, mixed: bool, runs: list[str]) -> Iterator[Result]:
    where, subject = f"{DEVICES}/{device.address}/driver", str(device.address)
    seen = device.driver or "no driver"
    early = card.bind not in (None, "on-demand")
    if device.driver in VFIO:
        yield holds(seen, where, subject)
    elif runs:
        remedy = f"{runs[0]} runs without it: end the VM, and bind every function."
        yield broken(f"{seen}, while {runs[0]} runs", where, remedy, "optimux apply", subject)
    elif early and device.driver_override in VFIO:
        command = f"echo {device.address} > /sys/bus/pci/drivers_probe"
        yield broken(f"{seen}, though driver_override says vfio-pci", where, "Have it probed again.", command, subject)
    elif early:
        remedy = "It is bound at boot: bring the host to the plan, renew the initramfs, reboot."
        yield broken(seen, where, remedy, "optimux apply && reboot", subject)
    elif mixed:
        remedy = "Some functions are with vfio-pci and this one is not: bind all, or none."
        yield broken(seen, where, remedy, subject=subject)
    else:
        yield holds(f"{seen}; libvirt binds it when a VM starts" if card.bind else seen, where, subject)


@check(
    "driver.since",
    "no driver of the host's before vfio-pci in this boot",
    "What a host driver has once set up it may not give back: the card stays lit, or hangs at the handover.",
    of_log=True,
)
def since(look: Look) -> Iterator[Result]:
    """The order in which drivers spoke of each function in the kernel's log."""
    for card in look.cards:
        if card.bind in (None, "on-demand"):
            continue
        if look.log.missing:
            yield from unlogged(look, card.name)
            continue
        for address in card.functions:
            device = look.facts.device(address)
            yield from _since(look.log, str(address), str(device.id) if device else "")


def _since(log: Log, address: str, id_: str) -> Iterator[Result]:
    """A card that is no boot display may pass to vfio-pci without a word: then the time at which it asked is known."""
    spoke = drivers_of(log, address)
    host = next(((seconds, name) for name, seconds in spoke.items() if name not in VFIO), None)
    vfio = next((seconds for name, seconds in spoke.items() if name in VFIO), None)
    if host and (vfio is None or host[0] < vfio):
        later = f", vfio-pci at {vfio:.1f} s" if vfio is not None else ", vfio-pci never"
        remedy = f"Have {host[1]} wait for vfio-pci in the initramfs too: a softdep, and the file in the image."
        yield broken(f"{host[1]} at {host[0]:.1f} s{later}", log.where, remedy, "optimux apply", address)
    elif vfio is not None:
        yield holds(f"vfio-pci at {vfio:.1f} s, and nobody before", log.where, address)
    elif asked := log.find(rf"^vfio_pci: add \[{id_}\["):
        seen = f"vfio-pci asked for {id_} at {asked[0][0].seconds:.1f} s, and no driver of the host's spoke of it"
        yield holds(seen, log.where, address)
    elif log.find(rf"^pci {address}:"):
        yield holds("no driver spoke of it", log.where, address)


def drivers_of(log: Log, address: str) -> dict[str, float]:
    """The drivers that spoke of a function, each with the second of its first word; ``pci`` is the bus itself.

    vfio_pci names what it will take before it has it: "vfio_pci: add [10de:249d…" is no sign.
    """
    found: dict[str, float] = {}
    for line, match in log.find(rf"^([A-Za-z0-9_-]+) {re.escape(address)}: "):
        if match[1] not in ("pci", "pcieport", "iommu", "platform") and "VGA arbiter" not in line.text:
            found.setdefault(match[1], line.seconds)
    for line, match in log.find(rf"^\[drm\] Initialized (\S+) .* for {re.escape(address)}"):
        found.setdefault(match[1], line.seconds)
    return dict(sorted(found.items(), key=lambda item: item[1]))


@check(
    "driver.override",
    "vfio-pci ready to take functions by address",
    "A function with an override of another driver is never bound to vfio-pci.",
)
def override(look: Look) -> Iterator[Result]:
    """The override of each function, where there is one."""
    for card in look.cards:
        for device in look.devices(card):
            if device.driver_override is None:
                continue
            where, subject = f"{DEVICES}/{device.address}/driver_override", str(device.address)
            if device.driver_override in VFIO:
                yield holds(device.driver_override, where, subject)
            else:
                remedy = "Somebody reserved it for another driver: take the override away."
                yield broken(device.driver_override, where, remedy, f"echo > {where}", subject)


CHECKS = (now, since, override)
