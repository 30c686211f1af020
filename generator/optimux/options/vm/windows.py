"""Windows' own installation: the two media, and the answers to its Setup."""

from __future__ import annotations

from optimux.declare import Bool, Declared, Table, Text, option
from optimux.declare.values import PATH

# BCP 47 as Windows writes it: en-US, zh-Hans-CN.
LANGUAGE = Text(r"[a-z]{2,3}(-[A-Za-z]{4})?-[A-Z]{2}", "a language such as en-US", 16)
KEYBOARD = Text(
    r"[a-z]{2,3}(-[A-Za-z]{4})?-[A-Z]{2}|[0-9a-fA-F]{4}:[0-9a-fA-F]{8}", "a language, or a layout: 0409:00000409", 16
)
WORDS = Text(r"[A-Za-z0-9][A-Za-z0-9 .()+-]{0,63}", "words of letters and digits", 64)
# Accounts of the Security Accounts Manager: at most 20 characters, none of "/\[]:;|=,+*?<>@, no dot at the end.
# The opening bracket stands behind the colon: POSIX reads "[:" as the name of a class.
_NOT = r"\"/\\\]:;|=,+*?<>@\[\t\n\r"
ACCOUNT = Text(
    rf"[^ .{_NOT}]([^{_NOT}]{{0,18}}[^ .{_NOT}])?",
    'at most 20 characters, none of "/\\[]:;|=,+*?<>@, no dot at the end',
    20,
)
COMPUTER = Text(r"[A-Za-z0-9]([A-Za-z0-9-]{0,13}[A-Za-z0-9])?", "at most 15 letters, digits and -", 15)
PRODUCT_KEY = Text(r"([A-Z0-9]{5}-){4}[A-Z0-9]{5}", "five groups of five letters and digits", 29)


class Unattended(Declared):
    user: str = option("user", ACCOUNT, doc="The name of the local account, an administrator.", example="alice")
    edition: str = option(
        "edition", WORDS, default="Windows 11 Pro", doc="The edition, by the name that the medium gives it."
    )
    language: str = option(
        "language", LANGUAGE, default="en-US", doc="The language of Windows: the medium's, or Setup asks."
    )
    locale: str | None = option(
        "locale", LANGUAGE, default=None, doc="Formats of dates and numbers. Null is the language's."
    )
    keyboard: str | None = option("keyboard", KEYBOARD, default=None, doc="The layout. Null is the locale's own.")
    time_zone: str = option(
        "timeZone",
        WORDS,
        default="UTC",
        doc="The time zone, by Windows' name (tzutil /l).",
        example="China Standard Time",
    )
    computer: str = option("computer", COMPUTER, default="WINDOWS", doc="The computer's name, another than the user's.")
    password_file: str | None = option(
        "passwordFile",
        PATH,
        default=None,
        doc="A file of yours alone (mode 0600); its first line is the password. Null: `optimux install` asks.",
        example="/root/windows-password",
    )
    product_key: str | None = option(
        "productKey", PRODUCT_KEY, default=None, doc="Null lets the edition's name decide, and Windows ask later."
    )
    disk: str | None = option(
        "disk",
        Text(r"[vs]d[a-z]{1,2}|nvme[0-9]{1,2}n[0-9]{1,2}", "a target such as vda", 12),
        default=None,
        doc="The target of the disk to install on. Null is the only disk. During the installation it is the only one.",
        example="sda",
    )
    wipe_physical_disk: bool = option(
        "wipePhysicalDisk",
        Bool(),
        default=False,
        doc="Whether that disk may be a device of the host. Setup still stops where it finds partitions on it.",
    )
    bypass_requirements: bool = option(
        "bypassRequirements",
        Bool(),
        default=False,
        doc="Whether Setup passes over a missing TPM, Secure Boot or memory (LabConfig). Without need it is a warning.",
    )


class Windows(Declared):
    iso: str | None = option(
        "iso",
        PATH,
        default=None,
        doc="The medium of Windows, a CD-ROM behind the first disk in the boot order. `define` and `install` check "
        "that it is one.",
        example="/var/lib/libvirt/images/Win11_25H2_English_x64.iso",
    )
    virtio_win: str | None = option(
        "virtioWin",
        PATH,
        default=None,
        doc="The medium with virtio's drivers, a further CD-ROM.",
        example="/usr/share/virtio-win/virtio-win.iso",
    )
    unattended: Unattended | None = option(
        "unattended",
        Table(Unattended),
        default=None,
        doc="Answers for Setup, used by `optimux install` alone: they are on no medium that stays.",
    )
