"""Connectors as the display drivers list them, the modes of what hangs on them, and the switch of the panel."""

from __future__ import annotations

import re
from typing import Any

from optimux.declare import Choice
from optimux.facts.detect.edid import read_edid
from optimux.facts.detect.pci import address_of
from optimux.facts.detect.root import Root
from optimux.facts.detect.words import known
from optimux.facts.devices import Connector, ConnectorKind, ConnectorStatus, Mux, MuxPosition, PciDevice
from optimux.pci import Address

FOLDER = "/sys/class/drm"
NODES = {"drm_card": r"card[0-9]{1,4}", "render_node": r"renderD[0-9]{1,4}"}

# drivers/gpu/drm/drm_connector.c: drm_connector_enum_list; what is no output is left out.
KINDS = {
    "DP": "DP",
    "HDMI": "HDMI",
    "DVI": "DVI",
    "VGA": "VGA",
    "eDP": "eDP",
    "LVDS": "LVDS",
    "DSI": "DSI",
    "DPI": "DSI",
    "USB": "USB",
    "Virtual": "virtual",
    "Writeback": None,
}
# ASUS' own firmware interface: the older driver's file, and that of asus-armoury (Linux 6.19).
MUXES = (
    "/sys/devices/platform/asus-nb-wmi/gpu_mux_mode",
    "/sys/class/firmware-attributes/asus-armoury/attributes/gpu_mux_mode/current_value",
)
POSITIONS: dict[str, MuxPosition] = {"0": "discrete", "1": "hybrid"}


def with_nodes(root: Root, devices: tuple[PciDevice, ...]) -> tuple[PciDevice, ...]:
    """The devices with the names of the nodes that their drivers made."""
    nodes: dict[Address, dict[str, Any]] = {}
    for name in root.names(FOLDER):
        key = next((key for key, pattern in NODES.items() if re.fullmatch(pattern, name)), None)
        behind = root.real(f"{FOLDER}/{name}/device") if key else None
        address = address_of(behind.rpartition("/")[2]) if behind else None
        if key and address:
            nodes.setdefault(address, {}).setdefault(key, name)
    return tuple(device.replace(**nodes.get(device.address, {})) for device in devices)


def connectors(root: Root, devices: tuple[PciDevice, ...]) -> tuple[Connector, ...]:
    """Every connector of every PCI display device whose driver has made a DRM node."""
    names = root.names(FOLDER)
    found = []
    for device in devices:
        own = (name for name in names if device.drm_card and name.startswith(f"{device.drm_card}-"))
        found += [c for name in own if (c := _connector(root, device, f"{FOLDER}/{name}", name))]
    return tuple(found)


def _connector(root: Root, device: PciDevice, folder: str, name: str) -> Connector | None:
    own = name.partition("-")[2]
    word = re.match("[A-Za-z]+", own)
    kind = KINDS.get(word[0], "other") if word else "other"
    if kind is None:
        return None
    status = root.text(f"{folder}/status")
    sink = read_edid(root.data(f"{folder}/edid") or b"") if status == "connected" else None
    enabled = root.text(f"{folder}/enabled")
    return Connector(
        address=device.address,
        name=own[:64],
        kind=known(Choice(ConnectorKind), kind) or "other",
        status=known(Choice(ConnectorStatus), status) or "unknown",
        enabled={"enabled": True, "disabled": False}.get(enabled or ""),
        monitor=sink.name if sink else None,
        mode=(sink.mode if sink else None),
        hdr=sink.hdr if sink else None,
    )


def mux(root: Root) -> Mux | None:
    """The first switch that the firmware shows: 0 is the discrete GPU, 1 the integrated one."""
    for source in MUXES:
        if root.exists(source):
            return Mux(source=source, position=POSITIONS.get(root.text(source) or ""))
    return None
