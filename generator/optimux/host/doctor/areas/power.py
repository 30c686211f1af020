"""Idle power, and the way back: how far the card sleeps, what keeps it awake, and how it is reset."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from optimux.host.doctor.areas.binding import VFIO
from optimux.host.doctor.check import Result, broken, check, holds, unlogged, unseen
from optimux.host.doctor.known import known

if TYPE_CHECKING:
    from optimux.facts import PciDevice
    from optimux.host.doctor.look import Card, Look

PCI = "/sys/bus/pci/devices"
IDLE_D3 = "/sys/module/vfio_pci/parameters/disable_idle_d3"


def _idle(look: Look) -> Iterator[tuple[Card, PciDevice]]:
    """Functions that nobody uses and that may sleep."""
    for card in look.cards:
        runs = any(look.running(d.name) for d in look.domains if {f.address for f in d.card} & set(card.functions))
        for device in look.devices(card):
            if card.d3cold and card.bind is not None and device.driver in VFIO and not runs:
                yield card, device


@check(
    "power.idle", "an idle card without power", "A card that stays awake costs some ten watts and the fan's silence."
)
def idle(look: Look) -> Iterator[Result]:
    """The state of each function, and what keeps it up; reading it wakes nothing."""
    for card, device in _idle(look):
        where, subject = f"{PCI}/{device.address}/power_state", str(device.address)
        state = device.power_state
        deep = state == "D3cold" or (state == "D3hot" and look.facts.machine.form != "laptop")
        keepers = list(_keepers(look, card, device))
        if state in (None, "unknown", "error"):
            yield unseen(f"its power state is {state or 'not shown'}", where, subject=subject)
        elif deep:
            yield holds(state or "", where, subject)
        elif keepers:
            what, file, value = keepers[0]
            yield broken(
                f"{state}, as {what}", file, "The plan's udev rule sets it.", f"echo {value} > {file}", subject
            )
        else:
            remedy = "Nothing of the kernel's keeps it awake: does the firmware have a power switch for the port?"
            yield broken(f"{state}, and nothing is seen that keeps it up", where, remedy, subject=subject)


def _keepers(look: Look, card: Card, device: PciDevice) -> Iterator[tuple[str, str, str]]:
    """What keeps a function awake: in words, the file that says so, and the value that would let it sleep."""
    if look.root.text(IDLE_D3) == "Y":
        yield "disable_idle_d3 is set", IDLE_D3, "N"
    for other in look.devices(card):
        base, name = f"{PCI}/{other.address}", "it" if other == device else str(other.address)
        if look.root.text(f"{base}/power/control") == "on":
            yield f"power/control keeps {name} on", f"{base}/power/control", "auto"
        if other.d3cold_allowed is False:
            yield f"{name} may not lose power", f"{base}/d3cold_allowed", "1"
    if device.upstream is None:
        return
    base = f"{PCI}/{device.upstream}"
    if look.root.text(f"{base}/power/control") == "on":
        yield f"power/control keeps the port {device.upstream} on", f"{base}/power/control", "auto"
    if look.root.text(f"{base}/d3cold_allowed") == "0":
        yield f"the port {device.upstream} may not lose power", f"{base}/d3cold_allowed", "1"


@check(
    "power.back",
    "a card that came back each time in this boot",
    "A card that does not come out of D3cold is gone until the next boot.",
    of_log=True,
)
def back(look: Look) -> Iterator[Result]:
    """The kernel's words when a function does not answer."""
    yield from _complaints(look, BACK, "State d3coldAllowed = false for the card, and pcie_aspm=off must go.")


BACK = r"(?:[Uu]nable to change power state from D3cold|can't change power state from D3cold|device inaccessible)"


@check(
    "reset.done",
    "a card that let itself be reset in this boot",
    "A card that was not reset starts in the state that the last guest left, or not at all.",
    of_log=True,
)
def done(look: Look) -> Iterator[Result]:
    """The kernel gives a reset up after a minute."""
    yield from _complaints(look, RESET, "Power the machine off, not only down to a reboot, before the next try.")


RESET = r"(?:not ready [0-9]+ms after [A-Za-z ]+; giving up|reset failed|Reset failed)"


def _complaints(look: Look, pattern: str, remedy: str) -> Iterator[Result]:
    if look.log.missing:
        yield from unlogged(look)
        return
    for card in look.cards:
        for address in card.functions:
            lines = look.log.find(rf"{address}: .*{pattern}")
            if lines:
                command = "optimux apply && reboot" if "d3cold" in remedy else "poweroff"
                yield broken(lines[-1][0].text, look.log.where, remedy, command, str(address))
            elif card.bind is not None:
                yield holds("no complaint", look.log.where, str(address))


@check(
    "reset.method",
    "a way to reset the card",
    "Each start of a VM begins with a reset; without one the card works once a boot.",
)
def method(look: Look) -> Iterator[Result]:
    """What the kernel would try, and families of cards that do not come back from it."""
    for card in look.cards:
        for device in look.devices(card):
            if not device.is_display:
                continue
            where, subject = f"{PCI}/{device.address}/reset_method", str(device.address)
            ways = device.reset_methods
            family = _family(device)
            if not look.root.exists(where):
                yield unseen("the kernel does not say (it does since 5.15)", where, subject=subject)
            elif family and "device_specific" not in ways:
                remedy = f"{family} cards hang after a bus reset: the module vendor-reset knows their own way."
                command = f"modprobe vendor-reset && echo device_specific > {where}"
                yield broken(f"{' '.join(ways) or 'none'}, of a {family} card", where, remedy, command, subject)
            elif not ways:
                remedy = "A VM that ends leaves it as it is; only a power cycle brings it back."
                yield broken("none", where, remedy, "poweroff", subject)
            else:
                yield holds(" ".join(ways), where, subject)


def _family(device: PciDevice) -> str | None:
    for entry in known()["resets"]:
        inside = any(first <= device.id.device <= last for first, last in entry["ranges"])
        if device.id.vendor == entry["vendor"] and inside:
            return str(entry["family"])
    return None


CHECKS = (method, done, idle, back)
