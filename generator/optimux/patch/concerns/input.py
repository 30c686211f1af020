"""Input devices, and the SPICE server that carries Looking Glass's keys and pointer."""

from __future__ import annotations

from optimux.emit.domain_xml.devices import channel, evdev, graphics, input_
from optimux.patch.draft import Draft, describe
from optimux.patch.node import Node
from optimux.patch.placing import place_new


def input_devices(draft: Draft) -> None:
    """The planned devices once each; no tablet beside Looking Glass."""
    for wanted in draft.plan.inputs:
        if draft.devices.child("input", type_=wanted.type, bus=wanted.bus) is None:
            node = draft.insert(draft.devices, input_(wanted), "Looking Glass and the guest's virtio driver use it")
            place_new(draft, node, wanted.address)
    _evdev(draft)
    if draft.plan.shared_memory is not None:
        _tablets(draft)
        ensure_spice(draft)
        _channels(draft)


def ensure_spice(draft: Draft) -> None:
    """A SPICE server where the plan has one; the one that is there stays as it is."""
    if not draft.plan.spice.enable:
        return
    present = draft.devices.child("graphics", type_="spice")
    if present is not None:
        return
    for element in graphics(draft.plan.spice):
        draft.insert(draft.devices, element, "Looking Glass's input, clipboard and sound go over SPICE")


def _channels(draft: Draft) -> None:
    for wanted in draft.plan.channels:
        if not any(target.get("name") == wanted.name for target in _targets(draft)):
            draft.insert(draft.devices, channel(wanted), "the clipboard's agent in the guest uses it")


def _targets(draft: Draft) -> list[Node]:
    return [target for node in draft.devices.all("channel") for target in node.all("target")]


def _tablets(draft: Draft) -> None:
    if any(item.type == "tablet" for item in draft.plan.inputs):
        return
    for node in list(draft.devices.all("input", type_="tablet")):
        draft.remove(node, "with a tablet the pointer of Looking Glass jumps")


def _evdev(draft: Draft) -> None:
    shared = draft.devices.all("input", type_="evdev")
    present = {source.get("dev"): source for node in shared for source in node.all("source")}
    for wanted in draft.plan.evdev:
        built = evdev(wanted)
        source = present.get(wanted.dev)
        if source is None:
            draft.insert(draft.devices, built, f"the configuration shares {wanted.dev}")
            continue
        for name, value in built.children[0].attributes.items():
            draft.set(source, name, value, f"as the configuration shares {wanted.dev}")
    planned = {item.dev for item in draft.plan.evdev}
    for dev, source in present.items():
        if dev not in planned and source.parent is not None:
            draft.leave(f"{describe(source.parent)} of {dev}", "the configuration does not speak of it")
