"""Devices that libvirt makes no arguments of, or other ones than when it starts the domain: their arguments made here.

Host devices: it refuses them on a host without an IOMMU. Network cards: its translation gives each a tap of the host
and forgets the card's place. So they are taken out of the domain once libvirt has placed them, and put into QEMU's
arguments by emulated devices at the same places, under the same ids.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optimux.notation.libvirt import bus_id
from optimux.notation.qemu.numbers import write_place
from optimux.pci import Address
from optimux.record import Record
from optimux.vm.domain.reduce import QEMU
from optimux.vm.domain.reduce_devices import remove

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml.etree import _Element

DRIVER = "pci-testdev"
# libvirt's models that QEMU calls otherwise (libvirt, src/qemu/qemu_command.c).
_CARDS = {
    "virtio": "virtio-net-pci",
    "virtio-transitional": "virtio-net-pci-transitional",
    "virtio-non-transitional": "virtio-net-pci-non-transitional",
}


class StandIn(Record):
    """One device. ``properties`` are what ``-device`` gets.

    ``source`` is the host's address of a host device, else ``None``. ``overridden`` are properties that the domain
    gives the host device and its stand-in does not know.
    """

    properties: dict[str, Any]
    source: Address | None
    overridden: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """libvirt's alias."""
        return str(self.properties["id"])


class Placed(Record):
    """A domain without them, and the devices; ``aliases`` are those that the domain has overrides for."""

    xml: str
    stand_ins: tuple[StandIn, ...]
    aliases: tuple[str, ...]


def take_out(xml: str) -> Placed:
    """Take host devices and network cards out of a domain in which libvirt has given each its place."""
    from lxml import etree

    root = etree.fromstring(xml.encode())
    overrides = {node.get("alias", ""): node for node in root.iterfind(f"{QEMU}override/{QEMU}device")}
    buses, found = _buses(root), list[StandIn]()
    for number, device in enumerate(root.findall("devices/hostdev")):
        found += _host_device(device, f"hostdev{number}", buses, overrides)
    for number, device in enumerate(root.findall("devices/interface")):
        if device.get("type") == "hostdev":
            found += _host_device(device, f"hostdev{number + len(root.findall('devices/hostdev'))}", buses, overrides)
        else:
            found += _card(device, f"net{number}", buses, overrides)
    for device in [*root.findall("devices/hostdev"), *root.findall("devices/interface")]:
        remove(device)
    return Placed(etree.tostring(root, encoding="unicode"), tuple(found), tuple(overrides))


def _host_device(
    device: _Element, name: str, buses: dict[int, str], overrides: dict[str, _Element]
) -> Iterator[StandIn]:
    source = device.find("source/address")
    is_pci = source is not None and device.get("type") != "mdev" and source.get("bus") is not None
    place = _place(device, buses)
    if place:
        name = _alias(device, name)
        properties = {"driver": DRIVER, "id": name, **place}
        lost = tuple(_overridden(overrides.get(name)))
        yield StandIn(properties, _address(source) if source is not None and is_pci else None, lost)


def _card(device: _Element, name: str, buses: dict[int, str], overrides: dict[str, _Element]) -> Iterator[StandIn]:
    model, mac, boot = device.find("model"), device.find("mac"), device.find("boot")
    kind = model.get("type", "") if model is not None else ""
    place = _place(device, buses)
    if not (kind and place):
        return
    name = _alias(device, name)
    properties: dict[str, Any] = {"driver": _CARDS.get(kind, kind), "id": name}
    properties |= {"mac": mac.get("address", "")} if mac is not None else {}
    properties |= {"bootindex": int(boot.get("order", "1"))} if boot is not None else {}
    yield StandIn(properties | place | _overridden(overrides.get(name)), None)


def _overridden(device: _Element | None) -> dict[str, Any]:
    """The properties of ``<qemu:device>``, as libvirt hands them on."""
    if device is None:
        return {}
    return {
        node.get("name", ""): _typed(node.get("type", ""), node.get("value", ""))
        for node in device.iterfind(f"{QEMU}frontend/{QEMU}property")
        if node.get("type") != "remove"
    }


def _typed(kind: str, text: str) -> bool | int | str:
    if kind == "bool":
        return text == "true"
    return int(text, 0) if kind in ("unsigned", "signed") else text


def _alias(device: _Element, name: str) -> str:
    alias = device.find("alias")
    return alias.get("name", name) if alias is not None else name


def _place(device: _Element, buses: dict[int, str]) -> dict[str, Any]:
    """Bus and address as QEMU has them; nothing where the device has none."""
    place = device.find("address")
    kind = place.get("type") if place is not None else None
    if place is None or kind not in ("pci", "usb"):
        return {}
    if kind == "usb":
        return {"bus": f"usb.{place.get('bus', '0')}", "port": place.get("port", "1")}
    guest = _address(place)
    shared = {"multifunction": True} if place.get("multifunction") == "on" else {}
    return {"bus": buses.get(guest.bus) or bus_id(guest.bus), "addr": write_place(guest), **shared}


def _buses(root: _Element) -> dict[int, str]:
    """libvirt's names for QEMU's buses, by index; a user's alias is one."""
    buses = {0: bus_id(0)}
    for controller in root.findall("devices/controller[@type='pci']"):
        index = int(controller.get("index", "0"))
        if index:
            buses[index] = _alias(controller, bus_id(index))
    return buses


def _address(node: _Element) -> Address:
    return Address(*(int(node.get(key, "0"), 0) for key in ("domain", "bus", "slot", "function")))
