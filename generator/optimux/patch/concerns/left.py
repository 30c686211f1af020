"""What no concern applies: said, with the reason, where the domain differs from it."""

from __future__ import annotations

from collections.abc import Callable

from optimux.emit.domain_xml.devices import sound, tpm
from optimux.errors import InvalidInput
from optimux.patch.concerns.stated import covers
from optimux.patch.draft import Draft
from optimux.patch.node import Node, new_node
from optimux.patch.source import Source
from optimux.patch_keys import fate_of


def say_what_is_left(draft: Draft) -> None:
    """Every stated key without a concern, and devices that were stated and stay as they are."""
    for key, differs in _DIFFERS.items():
        if draft.states(key) and differs(draft):
            draft.unpatched(key, fate_of(key).word)
    for name in ("domain", "os", "features", "cpu", "clock", "devices"):
        if draft.states(f"extraXml.{name}") and not _holds(draft, name, getattr(draft.plan.extra_xml, name)):
            draft.unpatched(f"extraXml.{name}", fate_of("extraXml").word)
    if draft.states("extraXml.qemuArgs") and not _has_arguments(draft):
        draft.unpatched("extraXml.qemuArgs", fate_of("extraXml").word)
    for key, (tag, wanted) in _kept(draft).items():
        present = draft.devices.child(tag)
        if draft.states(key) and present is not None and not covers(present, wanted, ("address", "alias", "audio")):
            draft.unpatched(key, f"the domain has another <{tag}>, which its guest may depend on")


def _kept(draft: Draft) -> dict[str, tuple[str, Node]]:
    """Devices that concerns add where there is none, and never exchange."""
    found: dict[str, tuple[str, Node]] = {}
    for item in tpm(draft.plan.tpm):
        found["tpm"] = ("tpm", new_node(item))
    for item in sound(draft.plan.sound):
        if item.name == "sound":
            found["sound"] = ("sound", new_node(item))
    return found


def _text(draft: Draft, tag: str) -> str:
    node = draft.root.child(tag)
    return node.words if node is not None else ""


def _machine(draft: Draft) -> bool:
    os = draft.root.child("os")
    kind = os.child("type") if os is not None else None
    return kind is None or kind.get("machine").removeprefix("pc-") != draft.plan.machine.removeprefix("pc-")


def _firmware(draft: Draft) -> bool:
    os = draft.root.child("os")
    has_uefi = os is not None and (
        os.get("firmware") == "efi" or any(x.get("type") == "pflash" for x in os.all("loader"))
    )
    if (given := draft.machine.firmware_argument) is not None:
        has_uefi = given.option != "bios" or "ovmf" in given.text.lower()
    return has_uefi != (draft.plan.firmware.type == "efi")


def _os_id(draft: Draft) -> bool:
    pending = [node for node in [draft.root.child("metadata")] if node is not None]
    while pending:
        node = pending.pop()
        if node.get("id") == draft.plan.os_id:
            return False
        pending.extend(node.children)
    return True


_DIFFERS: dict[str, Callable[[Draft], bool]] = {
    "name": lambda draft: _text(draft, "name") != draft.plan.name,
    "uuid": lambda draft: _text(draft, "uuid").lower() != draft.plan.uuid,
    "machine": _machine,
    "osId": _os_id,
    "firmware.type": _firmware,
    "virtioSerialAddress": lambda draft: not _has_serial_place(draft),
}


def _has_serial_place(draft: Draft) -> bool:
    from optimux.notation.libvirt import pci_address

    planned = draft.plan.virtio_serial
    nodes = draft.devices.all("controller", type_="virtio-serial")
    places = [pci_address(a.attributes) for node in nodes for a in node.all("address", type_="pci")]
    return planned is None or planned.address in places


def _holds(draft: Draft, name: str, raw: str) -> bool:
    parent = draft.root if name == "domain" else draft.root.child(name)
    try:
        wanted = Source(f"<x xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>{raw}</x>".encode()).root
    except InvalidInput:
        return False
    return parent is not None and all(
        any(covers(node, child, ()) for node in parent.all(child.local, child.uri)) for child in wanted.children
    )


def _has_arguments(draft: Draft) -> bool:
    """The arguments in their order, with others between them."""
    from optimux.notation.libvirt import QEMU

    lines = draft.root.all("commandline", QEMU)
    given = iter([arg.get("value") for line in lines for arg in line.all("arg", QEMU)])
    return all(wanted in given for wanted in draft.plan.extra_xml.qemu_args)
