"""Has a GPU outputs of its own, and does it drive the built-in screen: two answers, each with its evidence.

What each piece of evidence is worth was measured on recorded laptops. In the order of trust: the connectors that the
bound driver lists, the firmware's switch, the class, the sound function. Class 0380, numbers of connectors, ACPI
methods, the number of display devices and the absence of a sound function say nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Generic, Literal, TypeVar

from optimux.facts import Facts, PciDevice
from optimux.judge.roles import is_integrated, is_virtual
from optimux.record import Record

Own = Literal["yes", "no", "unknown"]
Panel = Literal["attached", "switchable", "none", "unknown"]
Confidence = Literal["certain", "strong", "weak"]
YES: Final = "yes"
NO: Final = "no"
UNKNOWN: Final = "unknown"
ATTACHED: Final = "attached"
SWITCHABLE: Final = "switchable"
NONE: Final = "none"
CERTAIN: Final = "certain"
STRONG: Final = "strong"
WEAK: Final = "weak"
Word = TypeVar("Word", Own, Panel)
_BY_CLASS: dict[str, tuple[Own, Panel, str]] = {
    "0302": (NO, NONE, "no laptop's 0302 card has outputs"),
    "0300": (YES, UNKNOWN, ""),
}


class Evidence(Record):
    """Where something was seen, what it was, and what it says: of own outputs, of the panel, how surely.

    ``own`` and ``panel`` are ``UNKNOWN`` where it says nothing of them; ``note`` says why, or what to keep in mind.
    """

    source: str
    found: str
    own: Own = UNKNOWN
    panel: Panel = UNKNOWN
    confidence: Confidence = CERTAIN
    note: str = ""

    @property
    def says(self) -> str:
        """The conclusion in words."""
        parts = [f"ownOutputs {self.own}"] if self.own != UNKNOWN else []
        parts += [f"panel {self.panel}"] if self.panel != UNKNOWN else []
        said = f"{', '.join(parts)} ({self.confidence})" if parts else "nothing"
        return f"{said}: {self.note}" if self.note else said


class Answer(Record, Generic[Word]):
    """A value, and how sure it is; ``None`` for an unknown one."""

    value: Word
    confidence: Confidence | None = None


class Outputs(Record):
    """Both answers of one GPU with all that was looked at."""

    own: Answer[Own]
    panel: Answer[Panel]
    evidence: tuple[Evidence, ...]


def outputs_of(facts: Facts, device: PciDevice) -> Outputs:
    """The two answers of one display device."""
    evidence = tuple(_evidence(facts, device))
    return Outputs(_own(evidence), _panel(evidence), evidence)


def _own(evidence: tuple[Evidence, ...]) -> Answer[Own]:
    """The first that says something."""
    return next((Answer(item.own, item.confidence) for item in evidence if item.own != UNKNOWN), Answer(UNKNOWN))


def _panel(evidence: tuple[Evidence, ...]) -> Answer[Panel]:
    """A panel that is seen, or switched, on the card is there, whatever another piece of evidence misses."""
    said = [item for item in evidence if item.panel != UNKNOWN]
    for value in (ATTACHED, SWITCHABLE):
        if found := next((item for item in said if item.panel == value), None):
            return Answer(value, found.confidence)
    return Answer(said[0].panel, said[0].confidence) if said else Answer(UNKNOWN)


def _evidence(facts: Facts, device: PciDevice) -> Iterator[Evidence]:
    if is_virtual(device):
        source = f"/sys/bus/pci/devices/{device.address}/physfn"
        yield Evidence(source, "a virtual function", NO, NONE, note="the physical one keeps the connectors")
        return
    dark = _is_dark(device)
    yield from _of_connectors(facts, device)
    yield from _of_mux(facts, device)
    if not is_integrated(facts, device):
        yield from _of_class(device, dark=dark)
    yield from _of_sound(facts, device, dark=dark)
    yield from _of_form(facts, dark=dark)


def _is_dark(device: PciDevice) -> bool:
    """Whether the card shows less than it has: its driver is not there, or it has no power."""
    return device.driver == "vfio-pci" or device.is_asleep


def _of_connectors(facts: Facts, device: PciDevice) -> Iterator[Evidence]:
    listed = facts.connectors_of(device.address)
    source = f"/sys/class/drm/{device.drm_card}" if device.drm_card else f"/sys/bus/pci/devices/{device.address}"
    if not listed:
        yield _without_connectors(facts, device, source)
        return
    found = ", ".join(f"{c.name} {c.status}" for c in listed) + f" ({device.driver or 'no driver'})"
    if device.driver == "vfio-pci":
        yield Evidence(source, found, note="the card's own driver is not bound; this is an old list")
        return
    own: Own = YES if any(c.is_output for c in listed) else NO
    panels = [c for c in listed if c.is_panel]
    lit = any(c.status == "connected" for c in panels)
    panel: Panel = (ATTACHED if lit else SWITCHABLE) if panels else NONE
    if not panels and not any(c.is_output for c in listed):  # only what no cable fits
        yield Evidence(source, found, note="no connectors of hardware")
    elif device.is_asleep and own == NO:
        yield Evidence(source, found, panel=panel if panels else UNKNOWN, note="the card sleeps in D3cold")
    else:
        asleep = device.is_asleep and panel == NONE
        yield Evidence(source, found, own, UNKNOWN if asleep else panel)


def _without_connectors(facts: Facts, device: PciDevice, source: str) -> Evidence:
    """No connector: that counts only where a driver looked, and could have found one."""
    if device.driver == "vfio-pci":
        return Evidence(source, "bound to vfio-pci", note="only the card's own driver lists connectors")
    if device.is_asleep:
        return Evidence(source, "asleep in D3cold, no connectors", note="a sleeping card may not show them")
    if device.driver is None or device.drm_card is None:
        found = f"{device.driver} without a DRM node" if device.driver else "no driver"
        return Evidence(source, found, note="no display driver lists connectors")
    found = f"no connectors, with {device.driver}"
    if device.driver == "nvidia" and device.pci_class != "0302" and not _nvidia_sets_modes(facts):
        return Evidence(source, found, note="nvidia lists none while nvidia_drm.modeset is off")
    return Evidence(source, found, NO, NONE)


def _nvidia_sets_modes(facts: Facts) -> bool:
    words = {word.replace("-", "_") for word in facts.kernel_params}
    return bool(words & {"nvidia_drm.modeset=1", "nvidia_drm.modeset=Y"})


def _of_mux(facts: Facts, device: PciDevice) -> Iterator[Evidence]:
    """The switch stands between the integrated GPU and the built-in card, not one behind a cable."""
    mux = facts.mux
    if mux is None or device.removable:
        return
    found = mux.position or "a position that cannot be read"
    if mux.position is None:
        yield Evidence(mux.source, found, panel=SWITCHABLE, confidence=STRONG, note="there is a switch")
        return
    here = (mux.position == "hybrid") == is_integrated(facts, device)
    note = "a change takes a reboot"
    yield Evidence(mux.source, found, panel=ATTACHED if here else SWITCHABLE, confidence=STRONG, note=note)


def _of_class(device: PciDevice, *, dark: bool) -> Iterator[Evidence]:
    source = f"/sys/bus/pci/devices/{device.address}/class"
    found = f"class {device.pci_class}"
    said = _BY_CLASS.get(device.pci_class)
    if said is None:
        yield Evidence(source, found, note="cards of this class occur with and without outputs")
    elif dark:
        yield Evidence(source, found, note="alone it settles nothing, and the card shows no connectors now")
    else:
        own, panel, note = said
        yield Evidence(source, found, own, panel, STRONG, note)


def _of_sound(facts: Facts, device: PciDevice, *, dark: bool) -> Iterator[Evidence]:
    """A hint; that there is none means nothing, since other tools remove the function."""
    sound = [other for other in facts.slot(device.address) if other.pci_class == "0403" and not other.is_bridge]
    if sound and not is_integrated(facts, device) and not dark:
        found = f"a sound function, {sound[0].id}"
        yield Evidence(f"/sys/bus/pci/devices/{sound[0].address}/class", found, YES, confidence=WEAK)


def _of_form(facts: Facts, *, dark: bool) -> Iterator[Evidence]:
    """A desktop has no built-in screen."""
    if facts.machine.form in ("desktop", "server") and not any(c.is_panel for c in facts.connectors) and not dark:
        yield Evidence("/sys/class/dmi/id/chassis_type", facts.machine.form, panel=NONE, confidence=STRONG)
