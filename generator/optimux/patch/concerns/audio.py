"""Sound: a card, and where it plays."""

from __future__ import annotations

import re

from optimux.emit.domain_xml.devices import sound
from optimux.patch.concerns.input import ensure_spice
from optimux.patch.draft import Draft, describe
from optimux.patch.machine.arguments import Argument
from optimux.patch.node import Node, new_node
from optimux.patch.placing import place_new

_CARD = re.compile(r"(ich9-)?intel-hda|AC97|ES1370|usb-audio|virtio-sound|sb16|adlib|cs4231a|gus", re.IGNORECASE)


def audio(draft: Draft) -> None:
    """With Looking Glass or where sound is stated, a card is there and plays to the planned backend; one stays."""
    options = draft.plan.sound
    if draft.plan.shared_memory is None and not draft.states("sound"):
        return
    why = "the configuration says so" if draft.states("sound") else "Looking Glass plays the guest's sound from there"
    *card, backend = sound(options)
    if others := _argument_cards(draft):
        for argument in others:
            draft.leave(f"the argument {argument}", "it is a sound card already; its sound plays where it says")
        return
    backend_node = _backend(draft)
    if backend_node is None:
        backend_node = draft.insert(draft.devices, backend, why)
        backend_node.set("id", _wanted_id(draft) or "1")
    elif backend_node.get("type") != options.backend:
        _switch(draft, backend_node, options.backend, why)
    if not backend_node.get("id"):
        draft.set(backend_node, "id", _wanted_id(draft) or "1", "a card names its backend by it")
    present = list(draft.devices.all("sound"))
    if not present and card and options.model == "usb" and not draft.has_usb:
        draft.unpatched("sound.model", "USB is switched off in the domain (controller model none)")
    elif not present and card:
        node = new_node(card[0])
        link = node.child("audio")
        if link is not None:
            link.set("id", backend_node.get("id", "1"))
        draft.add(draft.devices, node)
        place_new(draft, node, options.address, conventional=True)
        draft.did(f"added {describe(node)}", "the guest needs a sound card")
    for node in present:
        draft.leave(describe(node), "any sound card will do")
    if options.backend == "spice":
        ensure_spice(draft, "the guest's sound goes over SPICE")


def _argument_cards(draft: Draft) -> list[Argument]:
    """Sound cards among the arguments, where the domain has none of its own."""
    if draft.devices.child("sound") is not None:
        return []
    return [argument for argument in draft.machine.of_option("device") if _CARD.match(argument.get("driver"))]


def _backend(draft: Draft) -> Node | None:
    """The ``<audio>`` that the first card plays to, else the first one."""
    backends = list(draft.devices.all("audio"))
    wanted = _wanted_id(draft)
    named = (node for node in backends if node.get("id") == wanted)
    return next(named, backends[0] if backends and wanted is None else None)


def _wanted_id(draft: Draft) -> str | None:
    """The number of the backend that the first card names."""
    first = draft.devices.child("sound")
    link = first.child("audio") if first is not None else None
    return link.get("id") if link is not None and link.get("id").isdecimal() else None


def _switch(draft: Draft, node: Node, backend: str, why: str) -> None:
    """Another backend: settings of the old one mean nothing to it."""
    draft.set(node, "type", backend, why)
    for name in [name for name in node.attributes if name not in ("id", "type", "timerPeriod")]:
        draft.unset(node, name, f"{backend} has no such setting")
    for child in tuple(node.children):
        draft.remove(child, f"{backend} has no such setting")
