"""What sets the guest up: its medium, and Windows' own installation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimux.declare import Bool, Declared, MapOf, Table, Text, option
from optimux.declare.values import PATH

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE_NAME = Text(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", "the name of a file, of letters, digits and . _ -", 64)


class GuestFile(Declared):
    sha256: str = option(
        "sha256",
        Text(r"[0-9a-f]{64}", "64 hexadecimal digits in lower case, as sha256sum prints them", 64),
        doc="Its checksum. A file with another one is never run.",
        example="0123456789abcdef" * 4,
    )
    url: str | None = option(
        "url",
        Text(r"https://[^\s\"'<>&]+", "an address that begins with https://", 1024),
        default=None,
        doc="Where the guest may download it. Null takes it from the payload alone.",
    )


class GuestMedia(Declared):
    enable: bool = option(
        "enable", Bool(), default=False, doc="Whether the bundle holds optimux-guest.iso, which sets the guest up."
    )
    attach: bool = option(
        "attach", Bool(), default=False, doc="Whether the domain has it as a CD; it may stay there, and needs enable."
    )
    path: str | None = option(
        "path",
        PATH,
        default=None,
        doc="Where the medium lies on the host. Null is /var/lib/libvirt/images/optimux-<vm>.iso.",
        example="/srv/iso/optimux-guest.iso",
    )
    files: Mapping[str, GuestFile] = option(
        "files",
        MapOf(Table(GuestFile), FILE_NAME),
        default={},
        doc="Programs that the setup may run, by file name: looking-glass-host-setup.exe, looking-glass-idd-setup.exe, "
        "virtual-display-driver.zip, nefconw.exe.",
        example={"looking-glass-host-setup.exe": {"sha256": "0" * 64}},
    )
    emulated_display_off: bool = option(
        "emulatedDisplayOff",
        Bool(),
        default=False,
        doc="Whether the setup switches the emulated display off, once a capture is proven (B7).",
    )
