"""USB, SPICE, serial ports, channels, watchdog: only what is stated, nothing removed."""

from __future__ import annotations

from collections.abc import Callable

from optimux.emit.domain_xml.devices import channel, graphics, redirections, serial, usb_hostdev, watchdog
from optimux.emit.xml import Element, element
from optimux.notation import libvirt
from optimux.patch.concerns.stated import WHY, covers, put, run
from optimux.patch.draft import Draft, describe
from optimux.patch.machine.device import address_of
from optimux.patch.node import Node, new_node
from optimux.patch.placing import is_conventional, place_new
from optimux.plan.devices import Usb


def usb(draft: Draft) -> None:
    """The controller, host devices by vendor and product, redirections by their number."""
    run(
        draft,
        {"usb.model": _model, "usb.ports": _ports, "usb.hostDevices": _host, "usb.redirectionPorts": _redirections},
    )


def _controller(draft: Draft) -> Node | None:
    every = list(draft.devices.all("controller", type_="usb"))
    return next((node for node in every if node.get("index", "0") == "0"), every[0] if every else None)


def _model(draft: Draft) -> None:
    planned, node = draft.plan.usb, _controller(draft)
    if planned.model == "none":
        if node is None or node.get("model") != "none":
            draft.unpatched("usb.model", "a controller is not taken away from devices that may be plugged into it")
    elif node is None:
        wanted = element("controller", type_="usb", index="0", model=planned.model, ports=planned.ports)
        node = draft.insert(draft.devices, wanted, WHY)
        place_new(draft, node, planned.address, conventional=is_conventional(node))
    elif node.get("model") != planned.model:
        if any(each.get("model").startswith("ich9-uhci") for each in draft.devices.all("controller", type_="usb")):
            draft.unpatched("usb.model", f"{node.get('model')} has companion controllers: edit them together")
        else:
            _exchange(draft, node, planned)


def _exchange(draft: Draft, node: Node, planned: Usb) -> None:
    """Another model; one of the chip set's has its own slot, where none of PCI Express belongs."""
    was_conventional = is_conventional(node)
    draft.set(node, "model", planned.model, WHY)
    address = node.child("address")
    if address is not None and was_conventional != is_conventional(node):
        draft.remove(address, "it is the place of the earlier model")
        place_new(draft, node, planned.address, conventional=is_conventional(node))
        if (place := address_of(node)) is not None:
            draft.did(f"put {describe(node)} at {place}", WHY)


def _ports(draft: Draft) -> None:
    node = _controller(draft)
    if node is not None and node.get("model") == draft.plan.usb.model and draft.plan.usb.ports is not None:
        draft.set(node, "ports", draft.plan.usb.ports, WHY)
    elif node is None or node.get("model") != draft.plan.usb.model:
        draft.unpatched("usb.ports", "the controller is of another model")


def _is_disabled(draft: Draft, key: str) -> bool:
    if draft.machine.has_usb:
        return False
    draft.unpatched(key, "USB is switched off in the domain (controller model none)")
    return True


def _host(draft: Draft) -> None:
    if _is_disabled(draft, "usb.hostDevices"):
        return
    for planned in draft.plan.usb.host_devices:
        wanted = (planned.id.vendor, planned.id.device)
        node = next((each for each in draft.devices.all("hostdev", type_="usb") if _ids(each) == wanted), None)
        node = node or _plug(draft, usb_hostdev(planned))
        if planned.port and node.child("address", port=str(planned.port)) is None:
            draft.unpatched("usb.hostDevices", f"{planned.id} is not at port {planned.port}, but it is there")


def _ids(node: Node) -> tuple[int | None, int | None] | None:
    source = node.child("source")
    if source is None:
        return None
    vendor, product = source.child("vendor"), source.child("product")
    return (libvirt.number(vendor.get("id")), libvirt.number(product.get("id"))) if vendor and product else None


def _redirections(draft: Draft) -> None:
    if _is_disabled(draft, "usb.redirectionPorts"):
        return
    wanted = list(redirections(draft.plan.usb))
    present = len(list(draft.devices.all("redirdev", bus="usb")))
    for item in wanted[present:]:
        _plug(draft, item)


def _plug(draft: Draft, wanted: Element) -> Node:
    """A device at its port, or at one that libvirt finds where that is taken."""
    node = new_node(wanted)
    address = node.child("address")
    is_taken = address is not None and _has_port(draft, address)
    if address is not None and is_taken:
        address.remove()
    draft.add(draft.devices, node)
    why = f"{WHY}; its port has another device, and libvirt finds a free one" if is_taken else WHY
    draft.did(f"added {describe(node)}", why)
    return node


def _has_port(draft: Draft, wanted: Node) -> bool:
    place = (wanted.get("bus"), wanted.get("port"))
    every = (address for node in draft.all_devices() for address in node.all("address", type_="usb"))
    return any((address.get("bus", "0"), address.get("port")) == place for address in every)


def spice(draft: Draft) -> None:
    """The server that is there gets the stated settings."""
    if not draft.states("spice"):
        return
    present = draft.devices.child("graphics", type_="spice")
    planned = draft.plan.spice
    if not planned.enable:
        if present is not None:
            draft.unpatched("spice.enable", "a display is not taken away: remove it where nothing else needs it")
        return
    if present is None:
        for server in graphics(planned):
            draft.insert(draft.devices, server, WHY)
        return
    wanted = new_node(next(graphics(planned)))
    if draft.states("spice.port"):
        for name in ("port", "autoport"):
            draft.set(present, name, wanted.get(name), WHY)
    if draft.states("spice.listen") or draft.states("spice.address"):
        _listen(draft, present, wanted)
    image = wanted.child("image")
    if draft.states("spice.imageCompression") and image is not None:
        put(draft, present, element("image", compression=image.get("compression")))


def _listen(draft: Draft, present: Node, wanted: Node) -> None:
    listen = wanted.child("listen")
    assert listen is not None
    if any(covers(node, listen) for node in present.all("listen")):
        return
    draft.unset(present, "listen", "the element below says where")
    for node in list(present.all("listen")):
        draft.remove(node, "the configuration states where SPICE listens")
    draft.insert(present, element("listen", **{f"{k}_": v for k, v in listen.attributes.items()}), WHY)


def ports(draft: Draft) -> None:
    """Serial ports by number, channels by name, a watchdog, the emulator."""
    run(draft, {"serials": _serials, "channels": _channels, "watchdog": _watchdog, "emulator": _emulator})


def _serials(draft: Draft) -> None:
    for planned in draft.plan.serials:
        wanted = new_node(serial(planned))
        _present_or_added(draft, "serial", wanted, f"serials of port {planned.port}", _port_of)


def _port_of(node: Node) -> str:
    target = node.child("target")
    return (target.get("port") if target is not None else "") or "0"


def _channels(draft: Draft) -> None:
    for planned in draft.plan.channels:
        _present_or_added(draft, "channel", new_node(channel(planned)), f"channels of {planned.name}", _name_of)


def _name_of(node: Node) -> str:
    target = node.child("target")
    return target.get("name") if target is not None else ""


def _watchdog(draft: Draft) -> None:
    planned = draft.plan.watchdog
    for item in watchdog(planned):
        others = [each.get("action", "reset") for each in draft.devices.all("watchdog")]
        present = draft.devices.child("watchdog", model=item.attributes["model"])
        if present is not None and len(others) == 1:
            draft.set(present, "action", item.attributes["action"], WHY)
        elif any(action != item.attributes["action"] for action in others):
            draft.unpatched("watchdog", f"libvirt has one action for all watchdogs, and there is one with {others[0]}")
        elif planned is not None:
            node = draft.insert(draft.devices, item, WHY)
            if planned.model == "i6300esb":
                place_new(draft, node, planned.address, conventional=True)


def _emulator(draft: Draft) -> None:
    if draft.plan.emulator is not None:
        put(draft, draft.devices, element("emulator", text=draft.plan.emulator))


def _present_or_added(draft: Draft, kind: str, wanted: Node, key: str, identity: Callable[[Node], str]) -> None:
    """One that has the same identity stays, and is said where it differs; else it is added."""
    same = next((node for node in draft.devices.all(kind) if identity(node) == identity(wanted)), None)
    if same is None:
        draft.add(draft.devices, wanted)
        draft.did(f"added {describe(wanted)}", WHY)
    elif not covers(same, wanted):
        draft.unpatched(key, f"{describe(same)} is there already, and something may speak to it")
