"""Whether desktops leave a card alone, as udev has it now, and what each desktop needs besides."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from optimux.facts.detect.pci import DEVICES
from optimux.host.handover.modules import VFIO
from optimux.host.handover.nodes import Sysfs
from optimux.record import Record
from optimux.rules import rules

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optimux.host.handover.cards import Card

SEAT = "seat-optimux"
DATABASE = "/run/udev/data"


class Kept(Record):
    """A card's node, and whether it is on the seat that no desktop has; without a node there is nothing to keep.

    ``why`` there is none, in a sentence.
    """

    card: str
    node: str | None
    free: bool
    why: str = ""
    is_there: bool = True


def kept(card: Card, root: str = "/") -> Kept:
    """Read from udev's database: rules on the disk may not have been applied to a card that was there before."""
    sysfs = Sysfs(root)
    for function in card.functions:
        for node in sysfs.below(function.address).nodes:
            if node.subsystem == "drm" and node.name.startswith("/dev/dri/card"):
                said = sysfs.text(f"{DATABASE}/c{node.number[1]}:{node.number[2]}")
                return Kept(card.name, node.name, on_own_seat(said))
    return _without_node(card, sysfs)


def _without_node(card: Card, sysfs: Sysfs) -> Kept:
    there = [address for address in card.addresses if sysfs.names(f"{DEVICES}/{address}")]
    if not there:
        addresses = ", ".join(map(str, card.addresses)) or "no function"
        return Kept(card.name, None, False, f"{addresses}: not there; compare with optimux detect", False)
    drivers = {sysfs.target(f"{DEVICES}/{address}/driver") for address in there}
    driven = sorted(driver for driver in drivers if driver not in (None, VFIO))
    if not driven:
        return Kept(card.name, None, False, "no driver of the host's has it, so no desktop does")
    return Kept(card.name, None, False, f"{', '.join(driven)} shows no picture device of it, so no desktop opens one")


def on_own_seat(said: str | None) -> bool:
    """Whether udev's words on a card put it on the seat, and do not make it that seat's master.

    With a master logind calls the seat graphical, and a greeter is started there.
    """
    lines = (said or "").splitlines()
    return f"E:ID_SEAT={SEAT}" in lines and "Q:master-of-seat" not in lines


def desktops() -> Mapping[str, str]:
    """What each known desktop needs."""
    found: Mapping[str, str] = rules()["handover"]["desktops"]
    return found


def current_desktop(environment: Mapping[str, str] = os.environ) -> str | None:
    """The desktop of this session, by XDG_CURRENT_DESKTOP and what started it."""
    words = environment.get("XDG_CURRENT_DESKTOP", "").lower().replace(":", " ").split()
    known = next((name for name in desktops() if name in words), None)
    return known or ("x11" if environment.get("XDG_SESSION_TYPE") == "x11" else None)


def advice(card: Card, node: str | None, desktop: str) -> str:
    """The desktop's line with this card's node and id."""
    id_ = card.functions[0].id
    words = {"{card}": node or "/dev/dri/cardN", "{id}": f"0x{id_.vendor:04x}:0x{id_.device:04x}"}
    text = desktops()[desktop]
    for word, value in words.items():
        text = text.replace(word, value)
    return text
