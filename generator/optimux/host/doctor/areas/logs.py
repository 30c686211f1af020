"""What the kernel's log says of the card beyond its drivers: faults of the IOMMU, and lines that mean nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from optimux.host.doctor.areas.libvirt import last_start
from optimux.host.doctor.check import Result, broken, check, holds, unlogged
from optimux.host.doctor.known import known

if TYPE_CHECKING:
    from optimux.host.doctor.look import Look

MOST_HARMLESS = 12


@check(
    "log.faults",
    "no fault of the IOMMU for the card in this boot",
    "A card that reaches for memory that it was not given hangs in the guest.",
    of_log=True,
)
def faults(look: Look) -> Iterator[Result]:
    """VT-d writes the address without its domain, AMD-Vi with it since 5.12."""
    for card in look.cards:
        if look.log.missing or card.bind is None:
            yield from unlogged(look, card.name) if card.bind else ()
            continue
        for address in card.functions:
            short = re.escape(str(address).partition(":")[2])
            pattern = rf"(?:DMAR: .*Request device \[(?:0x)?{short}\] fault|AMD-Vi: Event logged \[.*device=\S*{short})"
            lines = look.log.find(pattern)
            if lines:
                remedy = "Was the card taken from a running driver, or not reset? Power off and begin anew."
                yield broken(f"{len(lines)}: {lines[-1][0].text}", look.log.where, remedy, "poweroff", str(address))
            else:
                yield holds("none", look.log.where, str(address))


@check(
    "log.interrupts",
    "interrupts that the IOMMU remaps",
    '"No interrupt remapping for device … not allowed": VFIO gives no device away without.',
    of_log=True,
)
def interrupts(look: Look) -> Iterator[Result]:
    """VFIO's own refusal."""
    if look.log.missing or not look.cards:
        yield from unlogged(look) if look.cards else ()
        return
    lines = look.log.find("No interrupt remapping (?:support|for this platform)")
    if lines:
        remedy = "Switch x2APIC or interrupt remapping on in the firmware's setup; else allow_unsafe_interrupts=1."
        command = "systemctl reboot --firmware-setup"
        yield broken(lines[-1][0].text, look.log.where, remedy, command)
    else:
        yield holds("no complaint", look.log.where)


def harmless(look: Look) -> tuple[tuple[str, str], ...]:
    """One line of each kind that frightens people and means nothing, of the kernel's and of QEMU's log."""
    texts = [line.text for line in look.log.lines]
    for domain in look.domains if not look.previous else ():
        data = look.root.data(f"/var/log/libvirt/qemu/{domain.name}.log") or b""
        texts += last_start(data.decode("utf-8", "replace"))
    found = []
    for entry in known()["harmless"]:
        pattern = re.compile(entry["pattern"])
        if line := next((text for text in texts if pattern.search(text)), None):
            found.append((line[:200], str(entry["why"])))
    return tuple(found[:MOST_HARMLESS])


CHECKS = (faults, interrupts)
