"""Refusals of a VM's devices, and of values that are well-formed but mean nothing."""

from __future__ import annotations

from tests.bad_input.case import case
from tests.bad_input.edits import VM, Edits

UUID = "5d5b00d8-475a-4b6c-8053-9dda30cd2f95"


def _smbios(uuid: str) -> Edits:
    return {f"{VM}.uuid": UUID, f"{VM}.smbios": {"mode": "sysinfo", "system": {"uuid": uuid}}}


def _without_spice(backend: str) -> Edits:
    return {
        f"{VM}.spice": {"enable": False},
        f"{VM}.channels": [],
        f"{VM}.usb": {"redirectionPorts": []},
        f"{VM}.sound": {"backend": backend},
    }


DEVICES = (
    case(
        "SMBIOS with another uuid than the domain's",
        _smbios("5d5b00d8-475a-4b6c-8053-9dda30cd2f96"),
        (f"{VM}.smbios.system.uuid", "9dda30cd2f96", "the domain's uuid", "Set uuid to the same"),
        twin=_smbios(UUID.upper()),
    ),
    case(
        "sound through SPICE that is off",
        _without_spice("spice"),
        (f"{VM}.sound.backend", "spice", "nothing that needs SPICE", "Switch spice.enable on"),
        twin=_without_spice("none"),
    ),
    case(
        "SPICE at no address",
        {f"{VM}.spice": {"address": "300.1.1.1"}},
        (f"{VM}.spice.address", '"300.1.1.1"', "an IPv4 or IPv6 address", "four numbers up to 255"),
        twin={f"{VM}.spice": {"address": "127.1.1.1"}},
    ),
    case(
        "more shared memory than any BAR has",
        {"lookingGlass.size": "8TiB"},
        ("lookingGlass.size", '"8TiB"', "a power of two", "1MiB to 4096GiB"),
        twin={"lookingGlass.size": "128MiB"},
    ),
)
