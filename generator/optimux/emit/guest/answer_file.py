"""``Autounattend.xml``: Windows Setup's answers, for Windows 10 22H2 and 11 24H2 to 26H2 on UEFI.

Components and their passes are Microsoft's "Windows Setup Automation Overview" (Unattended Windows Setup Reference).
Setup ignores a file that it cannot parse without a word, so the text is plain: no comments, ASCII where the user's
words allow it. A guard stops Setup before it would wipe a disk that holds partitions.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from optimux.emit.windows_virtio import driver_folder
from optimux.emit.xml import element, render

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from optimux.emit.xml import Element
    from optimux.plan.guest import Unattended

_NAMESPACE = "urn:schemas-microsoft-com:unattend"
_WCM = "http://schemas.microsoft.com/WMIConfig/2002/State"
_LETTERS = "DEFGHI"
MOST_RUN = 259  # characters of RunSynchronousCommand/Path
MOST_FIRST_LOGON = 1024  # characters of SynchronousCommand/CommandLine
# diskpart draws a line of dashes over its table, in every language, and no table for a disk without partitions. It
# fails where there is no disk 0, for instance without its driver: only a disk that was seen to be empty passes.
_GUARD = (
    r"cmd.exe /c (echo select disk 0&echo list partition)>X:\d.txt&(diskpart /s X:\d.txt>X:\o.txt&&(findstr "
    r'/c:"  ---" X:\o.txt>nul||exit 0))&echo Disk 0 is missing or not empty: nothing was changed.'
    "&wpeutil shutdown&pause"
)
_LAB_CONFIG = ("BypassTPMCheck", "BypassSecureBootCheck", "BypassRAMCheck")
_SETUP = (
    r"cmd.exe /c for %i in (D E F G H I) do if exist %i:\optimux\setup.ps1 powershell.exe -NoProfile -NonInteractive"
    r" -ExecutionPolicy Bypass -File %i:\optimux\setup.ps1"
)


def answer_file(stated: Unattended, password: str, virtio_folder: str) -> bytes:
    """The file, UTF-8 with Windows' line ends; ``virtio_folder`` is the one that virtio-win has for this Windows.

    It holds the password, encoded and not encrypted: mode 0600.
    """
    root = element(
        "unattend",
        _settings("windowsPE", _pe_languages(stated), _drivers(stated.drivers, virtio_folder), _setup(stated)),
        _settings("specialize", _specialize(stated)),
        _settings("oobeSystem", _languages(stated), _oobe(stated, password)),
        xmlns=_NAMESPACE,
        xmlns__wcm=_WCM,
    )
    return ('<?xml version="1.0" encoding="utf-8"?>\n' + render(root)).replace("\n", "\r\n").encode()


def _settings(name: str, *components: Element) -> Element:
    return element("settings", *components, pass_=name)


def _component(name: str, *children: Element | None) -> Element:
    return element(
        "component",
        *children,
        name=f"Microsoft-Windows-{name}",
        processorArchitecture="amd64",
        publicKeyToken="31bf3856ad364e35",
        language="neutral",
        versionScope="nonSxS",
    )


def _leaf(name: str, text: object) -> Element:
    written = str(text).lower() if isinstance(text, bool) else str(text)
    return element(name, text=written)


def _added(name: str, *children: Element, key: int | None = None) -> Element:
    """A member of a list: Setup wants ``wcm:action``, and a key where the list's schema has one."""
    return element(name, *children, wcm__action="add", wcm__keyValue=key)


def _pe_languages(stated: Unattended) -> Element:
    ui = element("SetupUILanguage", _leaf("UILanguage", stated.language))
    return _component("International-Core-WinPE", ui, *_locales(stated))


def _languages(stated: Unattended) -> Element:
    return _component("International-Core", *_locales(stated))


def _locales(stated: Unattended) -> list[Element]:
    return [
        _leaf("InputLocale", stated.keyboard),
        _leaf("SystemLocale", stated.locale),
        _leaf("UILanguage", stated.language),
        _leaf("UserLocale", stated.locale),
    ]


def _drivers(drivers: Sequence[str], folder: str) -> Element:
    """Every letter that the CD can have: Setup passes over paths that do not exist."""
    paths = [f"{letter}:\\{driver_folder(driver, folder)}" for letter in _LETTERS for driver in drivers]
    entries = [_added("PathAndCredentials", _leaf("Path", path), key=number) for number, path in enumerate(paths, 1)]
    return _component("PnpCustomizationsWinPE", element("DriverPaths", *entries))


def _setup(stated: Unattended) -> Element:
    return _component(
        "Setup",
        element("DiskConfiguration", _leaf("WillShowUI", "OnError"), _disk()),
        element(
            "ImageInstall",
            element(
                "OSImage",
                element(
                    "InstallFrom",
                    _added("MetaData", _leaf("Key", "/IMAGE/NAME"), _leaf("Value", stated.edition)),
                ),
                element("InstallTo", _leaf("DiskID", 0), _leaf("PartitionID", 3)),
                _leaf("WillShowUI", "OnError"),
            ),
        ),
        element("RunSynchronous", *_commands(stated)),
        element(
            "UserData",
            _leaf("AcceptEula", True),
            _leaf("FullName", stated.user),
            element(
                "ProductKey",
                _leaf("Key", stated.product_key) if stated.product_key else None,
                _leaf("WillShowUI", "OnError"),
            ),
        ),
    )


def _disk() -> Element:
    sizes = (("EFI", 260), ("MSR", 16), ("Primary", None))
    created = [
        _added(
            "CreatePartition",
            _leaf("Order", order),
            _leaf("Type", kind),
            _leaf("Extend", True) if size is None else _leaf("Size", size),
        )
        for order, (kind, size) in enumerate(sizes, 1)
    ]
    return _added(
        "Disk",
        _leaf("DiskID", 0),
        _leaf("WillWipeDisk", True),
        element("CreatePartitions", *created),
        element(
            "ModifyPartitions",
            _added("ModifyPartition", *_leaves(Order=1, PartitionID=1, Format="FAT32", Label="System")),
            _added("ModifyPartition", *_leaves(Order=2, PartitionID=2)),
            _added("ModifyPartition", *_leaves(Order=3, PartitionID=3, Format="NTFS", Label="Windows", Letter="C")),
        ),
    )


def _leaves(**values: object) -> list[Element]:
    return [_leaf(name, value) for name, value in values.items()]


def _commands(stated: Unattended) -> Iterable[Element]:
    lab = (rf"reg.exe add HKLM\SYSTEM\Setup\LabConfig /v {name} /t REG_DWORD /d 1 /f" for name in _LAB_CONFIG)
    commands = [_GUARD, *(lab if stated.bypass_requirements else ())]
    for order, command in enumerate(commands, 1):
        assert len(command) <= MOST_RUN, command
        yield _added("RunSynchronousCommand", _leaf("Order", order), _leaf("Path", command))


def _specialize(stated: Unattended) -> Element:
    return _component("Shell-Setup", _leaf("ComputerName", stated.computer), _leaf("TimeZone", stated.time_zone))


def _oobe(stated: Unattended, password: str) -> Element:
    oobe = element("OOBE", *_leaves(HideEULAPage=True, HideOnlineAccountScreens=True, ProtectYourPC=3))
    return _component(
        "Shell-Setup",
        element("FirstLogonCommands", _first_logon()),
        oobe,
        element("UserAccounts", element("LocalAccounts", _account(stated.user, password))),
    )


def _first_logon() -> Element:
    assert len(_SETUP) <= MOST_FIRST_LOGON, _SETUP
    return _added(
        "SynchronousCommand",
        _leaf("Order", 1),
        _leaf("CommandLine", _SETUP),
        _leaf("Description", "Optimux: drivers, display, Looking Glass"),
        _leaf("RequiresUserInput", False),
    )


def _account(user: str, password: str) -> Element:
    return _added(
        "LocalAccount",
        element("Password", _leaf("PlainText", False), _leaf("Value", encoded_password(password))),
        _leaf("DisplayName", user),
        _leaf("Group", "Administrators"),
        _leaf("Name", user),
    )


def encoded_password(password: str) -> str:
    """As Windows' System Image Manager hides it: UTF-16LE of the word with its element's name, in base64."""
    return base64.b64encode(f"{password}Password".encode("utf-16-le")).decode("ascii")
