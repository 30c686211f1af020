"""Kinds for the small values that options and facts share."""

from __future__ import annotations

import re
from typing import Literal

from optimux.declare.scalars import Choice, Int, Parsed, Text
from optimux.pci import Address, Id
from optimux.sizes import Size, power_of_two_mib
from optimux.version import Version

Distribution = Literal["nixos", "arch", "debian", "fedora", "fedora-atomic", "opensuse"]
CpuVendor = Literal["intel", "amd"]
SecurityModule = Literal["apparmor", "selinux", "none"]
Initramfs = Literal["mkinitcpio", "dracut", "initramfs-tools", "booster"]
BootLoader = Literal[
    "grub",
    "systemd-boot",
    "grubby",
    "limine",
    "uki",
    "rpm-ostree",
    "refind",
    "sdbootutil",
    "sdboot-manage",
    "kernelstub",
    "manual",
]

# The family of a distribution, by os-release's ID and by the names that users write.
FAMILIES: dict[str, Distribution] = {
    "nixos": "nixos",
    "arch": "arch",
    "archlinux": "arch",
    "cachyos": "arch",
    "endeavouros": "arch",
    "garuda": "arch",
    "manjaro": "arch",
    "omarchy": "arch",
    "steamos": "arch",
    "debian": "debian",
    "elementary": "debian",
    "linuxmint": "debian",
    "mint": "debian",
    "neon": "debian",
    "pop": "debian",
    "pop!_os": "debian",
    "pop-os": "debian",
    "ubuntu": "debian",
    "zorin": "debian",
    "almalinux": "fedora",
    "centos": "fedora",
    "fedora": "fedora",
    "nobara": "fedora",
    "rhel": "fedora",
    "rocky": "fedora",
    "aurora": "fedora-atomic",
    "bazzite": "fedora-atomic",
    "bluefin": "fedora-atomic",
    "fedora-atomic": "fedora-atomic",
    "kinoite": "fedora-atomic",
    "silverblue": "fedora-atomic",
    "leap": "opensuse",
    "opensuse": "opensuse",
    "opensuse-leap": "opensuse",
    "opensuse-slowroll": "opensuse",
    "opensuse-tumbleweed": "opensuse",
    "suse": "opensuse",
    "tumbleweed": "opensuse",
}

DISTRIBUTION = Choice(Distribution, called={name: own for name, own in FAMILIES.items() if name != own})
CPU_VENDOR = Choice(CpuVendor)
SECURITY_MODULE = Choice(SecurityModule)
INITRAMFS = Choice(Initramfs)
BOOT_LOADER = Choice(BootLoader)

HEX4 = "[0-9A-Fa-f]{4}"
ADDRESS_PATTERN = r"[0-9A-Fa-f]{4,8}:[0-9A-Fa-f]{2}:[01][0-9A-Fa-f]\.[0-7]"

ADDRESS = Parsed(Address.parse, 'a PCI address such as "0000:01:00.0"', ADDRESS_PATTERN, "pciAddress")
PCI_ID = Parsed(Id.parse, 'a vendor and device id such as "10de:249d"', f"{HEX4}:{HEX4}", "pciId")
SIZE = Parsed(Size.parse, 'a size with a unit such as "16GiB"', "[0-9]{1,12} ?[KMGT]iB", "size")


# What a PCI BAR can have, and what anybody would share.
BAR_PATTERN = "(1|2|4|8|16|32|64|128|256|512|1024|2048|4096) ?[MG]iB"


def _bar_size(text: str) -> Size:
    size = Size.parse(text)
    if not size.is_power_of_two:
        raise ValueError(f"no power of two; the next one is {power_of_two_mib(size.bytes / (1 << 20))}")
    if re.fullmatch(BAR_PATTERN, text) is None:
        raise ValueError("not from 1MiB to 4096GiB, in MiB or GiB")
    return size


class _BarSize(Parsed[Size]):
    """Written in the units that a BAR's size is read in: 4096GiB is 4TiB elsewhere."""

    def written(self, value: Size) -> str:
        gib = value.bytes >> 30
        return f"{gib}GiB" if gib >= 1024 else str(value)


BAR_SIZE = _BarSize(_bar_size, 'a power of two with a unit such as "128MiB"', BAR_PATTERN, "barSize")
VERSION = Parsed(Version.parse, 'a version such as "11.3"', r"[0-9]{1,5}(\.[0-9]{1,5}){0,2}", "version")


def _placement(text: str) -> Address | None:
    return None if text == "auto" else Address.parse(text)


class _Placement(Parsed[Address | None]):
    """An address, or "auto", which loads to ``None``: whoever starts the device chooses."""

    def written(self, value: Address | None) -> str:
        return "auto" if value is None else str(value)


PLACEMENT = _Placement(_placement, 'a PCI address, or "auto"', f"auto|{ADDRESS_PATTERN}", "placement")
PATH = Text(
    r"/[^\n\r\t\"']*[^\n\r\t\"'/]", "an absolute path without quotes, tabs or a trailing slash, such as /a/b", 1024
)
WORD = Text(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*", "a word of letters, digits and _ . + -", 64)
MODULE = Text(r"[A-Za-z0-9_-]+", "the name of a kernel module", 64)
UUID = Text(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", "a UUID of the form 8-4-4-4-12", 36)
MAC = Text(r"[0-9a-fA-F][02468aceACE](:[0-9a-fA-F]{2}){5}", "a unicast MAC address such as 52:54:00:12:34:56", 17)
CPU_SET = Text(r"\^?[0-9]{1,4}(-[0-9]{1,4})?(,\^?[0-9]{1,4}(-[0-9]{1,4})?)*", 'host CPUs such as "0-3,8"', 256)


def _ip_address(text: str) -> str:
    from ipaddress import ip_address

    try:
        ip_address(text if "%" not in text else "")  # libvirt has no interface beside an address
    except ValueError:
        raise ValueError("neither four numbers up to 255 nor eight groups of hexadecimal digits") from None
    return text


IP_ADDRESS = Parsed(_ip_address, "an IPv4 or IPv6 address", "[0-9a-fA-F.:]{2,45}", "ipAddress")
PORT = Int(1, 65535)
XML = Text(r"[\s\S]*", "well-formed XML elements", 65536)
TEXT = Text()
USER = Text(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}\$?", "the name of a user or a group", 33)
SETTING = Text(r"[A-Za-z][A-Za-z0-9]{0,63}", "a name of letters and digits", 64)
