"""The card among the machine's others: what drives the screen, what firmware shows its console on, who else has it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

from optimux.host.doctor.areas.binding import VFIO
from optimux.host.doctor.areas.iommu import SETUP
from optimux.host.doctor.check import Result, broken, check, for_root, holds, unlogged, unseen
from optimux.host.doctor.known import known
from optimux.judge.roles import by_mux, displays, label

if TYPE_CHECKING:
    from optimux.facts import PciDevice
    from optimux.host.doctor.look import Card, Look

DRM = "/sys/class/drm"
PCI = "/sys/bus/pci/devices"


def _displays(look: Look) -> Iterator[tuple[Card, PciDevice]]:
    for card in look.cards:
        for device in look.devices(card):
            if device.is_display:
                yield card, device


@check("card.second", "another display device for the host", "The host loses its only screen with the card.")
def second(look: Look) -> Iterator[Result]:
    """What is left when every card has gone."""
    given = {address for card in look.cards for address in card.functions}
    if not look.facts.devices or not list(_displays(look)):
        return
    left = [device for device in displays(look.facts) if device.address not in given]
    if left:
        yield holds(label(left[0]), PCI)
    elif look.plan is None and look.facts.machine.form not in ("laptop", None):
        yield holds("every card could go; one of them stays", PCI)
    else:
        remedy = "Choose the hybrid mode in the firmware's setup: then the integrated GPU is shown."
        yield broken("none", PCI, by_mux(look.facts, remedy), SETUP)


@check(
    "card.panel",
    "the built-in screen on another GPU",
    "The screen goes dark with the card, and a firmware switch in the wrong position leaves no outputs to either.",
)
def panel(look: Look) -> Iterator[Result]:
    """The switch, then the connectors of built-in screens."""
    facts = look.facts
    for _, device in _displays(look):
        subject, mux = str(device.address), facts.mux
        mine = [c for c in facts.connectors_of(device.address) if c.is_panel and c.status == "connected"]
        theirs = [c for c in facts.connectors if c.is_panel and c.status == "connected" and c not in mine]
        if mux and mux.position == "discrete":
            command = f"echo 1 > {mux.source} && reboot"
            yield broken(
                "the switch is on the card", mux.source, "Set it to hybrid; it takes a reboot.", command, subject
            )
        elif mine:
            remedy = "Switch the firmware to its hybrid mode, where there is one."
            yield broken(f"{mine[0].name} is connected", DRM, remedy, SETUP, subject)
        elif theirs:
            yield holds(f"{theirs[0].name} hangs on {theirs[0].address}", DRM, subject)
        elif mux and mux.position == "hybrid":
            yield holds("the switch is on hybrid", mux.source, subject)
        elif facts.machine.form == "laptop":
            remedy = "Does the screen stay lit without the card's driver? Then it holds."
            yield unseen("no connected screen is listed", DRM, remedy, subject=subject)


@check(
    "card.console",
    "another GPU as the boot display",
    "The card that firmware shows its console on is in use from the first second, and its ROM may be a shadow.",
)
def console(look: Look) -> Iterator[Result]:
    """Of the card alone: without boot_vga nothing is said."""
    for _, device in _displays(look):
        where, subject = f"{PCI}/{device.address}/boot_vga", str(device.address)
        if device.boot_vga or device.boot_display:
            remedy = "Make the other GPU the primary display in the firmware's setup, and plug the monitor in there."
            yield broken("the boot display", where, remedy, SETUP, subject)
        elif any(other.boot_vga or other.boot_display for other in displays(look.facts)):
            yield holds("another one", where, subject)


@check(
    "card.framebuffer",
    "no framebuffer of the firmware's on the card's ranges",
    'vfio-pci cannot have a range that simpledrm or efifb holds: "BAR 1: can\'t reserve", and a black screen.',
)
def framebuffer(look: Look) -> Iterator[Result]:
    """What stands below the card's lines in /proc/iomem; the addresses are zero for all but root, the order is not."""
    lines = look.root.lines("/proc/iomem")
    for _, device in _displays(look):
        subject = str(device.address)
        if not lines:
            yield for_root("it cannot be read", "/proc/iomem", subject)
            continue
        held = [name for name in below(lines, subject) if name in FIRMWARE]
        if held:
            remedy = "Keep the firmware's framebuffer from it: state releaseFramebuffer = true for the card."
            yield broken(f"{held[0]} holds a part", "/proc/iomem", remedy, "optimux apply && reboot", subject)
        else:
            yield holds("none", "/proc/iomem", subject)


# What a firmware's framebuffer is called there: drivers/gpu/drm/sysfb, drivers/firmware/sysfb*, vesafb and efifb.
FIRMWARE = ("BOOTFB", "simpledrm", "simple-framebuffer", "efifb", "vesafb", "vesadrm", "efidrm")


def below(lines: list[str], owner: str) -> list[str]:
    """The names of the ranges within those of ``owner``: deeper by two spaces a level."""
    found: list[str] = []
    depth: int | None = None
    for line in lines:
        level = len(line) - len(line.lstrip(" "))
        name = line.partition(" : ")[2].strip()
        if depth is not None and level > depth:
            found.append(name)
        else:
            depth = level if name == owner else None
    return found


@check(
    "card.reserved",
    "ranges that vfio-pci could take in this boot",
    "Without its memory the card shows nothing in the guest.",
    of_log=True,
)
def reserved(look: Look) -> Iterator[Result]:
    """The kernel's own complaint."""
    for card, device in _displays(look):
        address = str(device.address)
        if card.bind is None or look.log.missing:
            yield from unlogged(look, address) if card.bind else ()
            continue
        lines = look.log.find(rf"vfio-pci {address}: BAR [0-9]+.*: can't reserve")
        if lines:
            remedy = "Something of the firmware's holds it: state releaseFramebuffer = true for the card."
            yield broken(lines[-1][0].text, look.log.where, remedy, "optimux apply && reboot", address)
        else:
            yield holds("no complaint", look.log.where, address)


@check(
    "tools.others",
    "no other tool that writes the same settings",
    "Whoever writes last wins: at the next boot the card is hidden, or its driver another's.",
)
def others(look: Look) -> Iterator[Result]:
    """Each tool, with how it lets go."""
    for tool in look.facts.other_tools:
        way = known()["letGo"].get(tool.name, known()["letGo"]["other"])
        yield broken(f"{tool.name} is at work", tool.evidence, way["remedy"], way["command"], tool.name)
    if not look.facts.other_tools and look.root.names("/etc"):
        yield holds("none of those that are known", "/etc")


@check(
    "card.holders",
    "no program that has the card open",
    "A driver lets its card go when the last program has closed it; until then a handover waits, or hangs for good.",
)
def holders(look: Look) -> Iterator[Result]:
    """Programs with a node of the card open, for a card that a driver of the host has and a VM is to get."""
    for card, device in _displays(look):
        if device.driver in (None, *VFIO) or card.bind != "on-demand":
            continue
        found, hidden = _scanned(look, card.name) if look.root.live else _open(look, device)
        subject = str(device.address)
        if found:
            remedy = "End them, or keep them off the card."
            yield broken(
                "; ".join(found), "/proc", remedy, f"optimux gpu status CONFIG --gpu {shlex.quote(card.name)}", subject
            )
        elif hidden:
            seen = "other users' programs are not shown"
            yield for_root(seen, "/proc", subject)
        elif look.root.names("/proc"):
            yield holds("none", "/proc", subject)


def _scanned(look: Look, name: str) -> tuple[list[str], bool]:
    """What hand-over sees of this machine: holders in words, and whether some could not be looked into."""
    from optimux.host.handover.cards import cards_of
    from optimux.host.handover.picture import look as look_at

    pictures = [look_at(card) for card in (cards_of(look.plan) if look.plan else ()) if card.name == name]
    found = [str(holder) for picture in pictures for holder in picture.holders]
    return found, any(picture.incomplete for picture in pictures)


def _open(look: Look, device: PciDevice) -> tuple[list[str], bool]:
    """The same of a record, which has names alone."""
    nodes = {f"/dev/dri/{name}" for name in (device.drm_card, device.render_node) if name}
    nvidia = (device.driver or "").startswith("nvidia")
    found: list[str] = []
    hidden = False
    for pid in filter(str.isdecimal, look.root.names("/proc")):
        folder = f"/proc/{pid}/fd"
        names = look.root.names(folder)
        targets = {look.root.target(f"{folder}/{name}") for name in names}
        hidden |= any(path.startswith(folder) for path in look.root.unseen)
        if targets & nodes or (nvidia and any(t and t.startswith("/dev/nvidia") for t in targets)):
            found.append(f"{look.root.text(f'/proc/{pid}/comm') or '?'} ({pid})")
    return found, hidden


CHECKS = (second, panel, console, framebuffer, reserved, others, holders)
