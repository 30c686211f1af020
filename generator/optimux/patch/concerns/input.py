"""Input devices, and the SPICE server that carries Looking Glass's keys and pointer."""

from __future__ import annotations

from optimux.emit.domain_xml.devices import channel, evdev, graphics, input_
from optimux.emit.xml import element
from optimux.patch.draft import Draft, describe
from optimux.patch.node import Node
from optimux.patch.placing import is_crowded, place_new


def input_devices(draft: Draft) -> None:
    """The planned devices once each, with Looking Glass or where they are stated; no tablet beside Looking Glass."""
    stated, has_picture = draft.states("inputs"), draft.plan.shared_memory is not None
    why = "the configuration says so" if stated else "Looking Glass and the guest's virtio driver use it"
    for wanted in draft.plan.inputs if stated or has_picture else ():
        if wanted.bus == "usb" and not draft.has_usb:
            draft.unpatched("inputs", f"the {wanted.type}: USB is switched off in the domain (controller model none)")
        elif draft.devices.child("input", type_=wanted.type, bus=wanted.bus) is None:
            node = draft.insert(draft.devices, input_(wanted), why)
            if wanted.bus == "virtio":
                place_new(draft, node, wanted.address, conventional=False)
    _evdev(draft)
    if has_picture:
        _tablets(draft)
        ensure_spice(draft, "Looking Glass's input, clipboard and sound go over SPICE")
        _channels(draft)


def ensure_spice(draft: Draft, why: str) -> None:
    """A SPICE server where the plan has one; the one that is there stays as it is."""
    if not draft.plan.spice.enable:
        return
    present = draft.devices.child("graphics", type_="spice")
    if present is not None:
        _say_silence(draft, present)
        return
    if given := list(draft.machine.of_option("spice")):
        draft.leave(f"the argument {given[0]}", "it is a SPICE server already")
        return
    for server in graphics(draft.plan.spice):
        draft.insert(draft.devices, server, why)


def _say_silence(draft: Draft, graphics_: Node) -> None:
    """A server that listens nowhere is none for Looking Glass, which is a process of its own."""
    listens = [listen.get("type") for listen in graphics_.all("listen")]
    closed = graphics_.get("autoport") == "no" and not any(graphics_.get(name) for name in ("port", "tlsPort"))
    if "none" in listens or (closed and not {"socket"} & set(listens) and not graphics_.get("socket")):
        if draft.states("spice.listen") and draft.plan.spice.listen == "address":
            _listen(draft, graphics_)
            return
        why = "libvirt opens no port for it: Looking Glass' client cannot connect, and has no input, sound or clipboard"
        draft.leave("SPICE that listens nowhere", why)


def _listen(draft: Draft, graphics_: Node) -> None:
    why = "the configuration states where SPICE listens"
    for listen in list(graphics_.all("listen")):
        draft.remove(listen, why)
    (wanted,) = graphics(draft.plan.spice)
    draft.insert(graphics_, wanted.children[0], why)
    for name in ("port", "autoport"):
        if name in wanted.attributes:
            draft.set(graphics_, name, wanted.attributes[name], why)


def _channels(draft: Draft) -> None:
    for wanted in draft.plan.channels:
        if not any(target.get("name") == wanted.name for target in _targets(draft)):
            _serial_bus(draft)
            draft.insert(draft.devices, channel(wanted), "the clipboard's agent in the guest uses it")


def _serial_bus(draft: Draft) -> None:
    """libvirt adds the channel's controller where it likes: beside places of arguments that can be somebody's."""
    if not is_crowded(draft) or draft.devices.child("controller", type_="virtio-serial") is not None:
        return
    why = "the channels hang on it, and libvirt does not see the places that arguments take"
    node = draft.insert(draft.devices, element("controller", type_="virtio-serial", index="0"), why)
    place_new(draft, node, draft.plan.virtio_serial.address if draft.plan.virtio_serial else None, conventional=False)


def _targets(draft: Draft) -> list[Node]:
    return [target for node in draft.devices.all("channel") for target in node.all("target")]


def _tablets(draft: Draft) -> None:
    if any(item.type == "tablet" for item in draft.plan.inputs):
        return
    for node in list(draft.devices.all("input", type_="tablet")):
        draft.remove(node, "with a tablet the pointer of Looking Glass jumps")


def _evdev(draft: Draft) -> None:
    given = {a.get("evdev"): a for a in draft.machine.of_option("object") if a.get("qom-type") == "input-linux"}
    shared = draft.devices.all("input", type_="evdev")
    present = {source.get("dev"): source for node in shared for source in node.all("source")}
    for wanted in draft.plan.evdev:
        built = evdev(wanted)
        source = present.get(wanted.dev)
        if source is None and wanted.dev in given:
            draft.leave(f"the argument {given[wanted.dev]}", f"it shares {wanted.dev} already")
            continue
        if source is None:
            draft.insert(draft.devices, built, f"the configuration shares {wanted.dev}")
            continue
        for name, value in built.children[0].attributes.items():
            draft.set(source, name, value, f"as the configuration shares {wanted.dev}")
    planned = {item.dev for item in draft.plan.evdev}
    for dev, source in present.items():
        if dev not in planned and source.parent is not None:
            draft.leave(f"{describe(source.parent)} of {dev}", "the configuration does not speak of it")
