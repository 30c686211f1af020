"""One concern a module: each a function that changes a draft as the plan asks, and says what and why."""

from __future__ import annotations

from collections.abc import Callable

from optimux.patch.concerns.audio import audio
from optimux.patch.concerns.battery import battery
from optimux.patch.concerns.clock import clock
from optimux.patch.concerns.cpu import cpu
from optimux.patch.concerns.disks import disks, networks
from optimux.patch.concerns.features import features, power
from optimux.patch.concerns.firmware import firmware, smbios
from optimux.patch.concerns.gpu import gpu
from optimux.patch.concerns.hyperv import hyperv
from optimux.patch.concerns.input import input_devices
from optimux.patch.concerns.memballoon import memballoon
from optimux.patch.concerns.memory import memory
from optimux.patch.concerns.pci import pci
from optimux.patch.concerns.resources import resources
from optimux.patch.concerns.tpm import tpm
from optimux.patch.concerns.usb import ports, spice, usb
from optimux.patch.concerns.video import video
from optimux.patch.draft import Draft

# What passthrough needs, stated or not.
PASSTHROUGH: dict[str, Callable[[Draft], None]] = {
    "hyperv": hyperv,
    "memory": memory,
    "gpu": gpu,
    "pci": pci,
    "battery": battery,
    "memballoon": memballoon,
    "video": video,
    "input": input_devices,
    "audio": audio,
    "tpm": tpm,
    "cpu": cpu,
}
# What else a configuration may state: nothing is done there for a default.
STATED: dict[str, Callable[[Draft], None]] = {
    "resources": resources,
    "clock": clock,
    "features": features,
    "power": power,
    "firmware": firmware,
    "smbios": smbios,
    "disks": disks,
    "networks": networks,
    "usb": usb,
    "spice": spice,
    "ports": ports,
}
CONCERNS = PASSTHROUGH | STATED
