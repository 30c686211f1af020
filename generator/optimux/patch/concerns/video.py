"""The emulated display."""

from __future__ import annotations

import re

from optimux.emit.domain_xml.devices import video as built
from optimux.patch.draft import Draft, describe
from optimux.patch.machine.device import address_of
from optimux.patch.node import Node, new_node
from optimux.patch.order import place
from optimux.patch.placing import place_video, primary_video

_DISPLAY = re.compile(
    r"(secondary-)?vga|qxl(-vga)?|virtio-(vga|gpu)|bochs-display|ramfb|cirrus-vga|vmware-svga", re.IGNORECASE
)
_MODEL_SETTINGS = ("ram", "vram", "vgamem")
# Devices of conventional PCI: not behind a root port.
_CONVENTIONAL = ("vga", "qxl", "bochs")


def video(draft: Draft) -> None:
    """The primary display has the planned model; further ones stay, unless the plan wants none at all."""
    if _left_alone(draft):
        return
    node = primary_video(draft)
    wanted = new_node(built(draft.plan)).child("model")
    assert wanted is not None
    if node is None:
        node = new_node(built(draft.plan))
        if (address := node.child("address")) is not None:
            address.remove()
        draft.add(draft.devices, node)
        draft.did(f"added {describe(node)}", "the guest shows its start there")
        place_video(draft)
        return
    if _model(draft, node, wanted):
        place_video(draft)
    for other in list(draft.devices.all("video")):
        if other is not node and wanted.get("type") == "none":
            draft.remove(other, "the plan wants no emulated display")
        elif other is not node:
            draft.leave(describe(other), "a further display is not in the way")


def _left_alone(draft: Draft) -> bool:
    """A display of the arguments is the firmware's; without Looking Glass only a stated model is a reason to change."""
    given = [a for a in draft.machine.of_option("device") if _DISPLAY.match(a.get("driver"))]
    given += [argument for argument in draft.machine.of_option("vga") if argument.text != "none"]
    for argument in given:
        draft.leave(f"the argument {argument}", "it is a display already")
    if given:
        return True
    if draft.plan.shared_memory is not None or draft.states("video"):
        return False
    node = primary_video(draft)
    draft.leave(describe(node) if node is not None else "no <video>", "the configuration states no display")
    return True


def _model(draft: Draft, node: Node, wanted: Node) -> bool:
    """Give the display the planned model; whether it is another one now."""
    model = node.child("model")
    why = "Looking Glass works best beside it" if draft.plan.shared_memory is not None else "the configuration says so"
    why = why if wanted.get("type") != "none" else "the plan wants none"
    if model is None:
        place(node, wanted)
        draft.did(f"set the display to {wanted.get('type')}", why)
    elif model.get("type") != wanted.get("type"):
        _switch(draft, node, model, wanted, why)
    else:
        for name in _MODEL_SETTINGS:
            if name in wanted.attributes:
                draft.set(model, name, wanted.get(name), "the configuration says so")
        return False
    return True


def _switch(draft: Draft, node: Node, model: Node, wanted: Node, why: str) -> None:
    """Another model: settings of the old one mean nothing to it."""
    draft.set(model, "type", wanted.get("type"), why)
    gone = f"{wanted.get('type')} has no such setting"
    for name in [name for name in model.attributes if name not in wanted.attributes]:
        draft.unset(model, name, gone)
    for name, value in wanted.attributes.items():
        if name != "type":
            draft.set(model, name, value, why)
    for child in tuple(model.children):
        if child.local != "resolution" or wanted.get("type") == "none":
            draft.remove(child, gone)
    for child in tuple(node.children):
        if child.local == "driver" or (child.local == "address" and _must_go(draft, node, wanted)):
            draft.remove(child, gone if child.local == "driver" else "this model sits on bus 0, or nowhere")


def _must_go(draft: Draft, node: Node, wanted: Node) -> bool:
    if wanted.get("type") == "none":
        return True
    address = address_of(node)
    return address is not None and address.bus in draft.machine.ports and wanted.get("type") in _CONVENTIONAL
