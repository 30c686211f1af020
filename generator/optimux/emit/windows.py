"""What goes into a Windows guest: a folder a VM with the files and the steps, all with Windows' line ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimux.emit.artifact import Artifact
from optimux.emit.display_modes import REGISTRY_KEY, REGISTRY_PARENT, driver_modes
from optimux.emit.windows_readme import readme
from optimux.emit.xml import element, render

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from optimux.emit.xml import Element
    from optimux.plan.model import DomainPlan, Plan
    from optimux.plan.picture import Display, LookingGlass

HOST_INI = "looking-glass-host.ini"
VDD_SETTINGS = "vdd_settings.xml"
IDD_SAMPLE_OPTIONS = "option.txt"
REGISTRY_FILE = "looking-glass-idd.reg"
MEDIUM = "optimux-guest.iso"

# The parent has a line of its own: regedit would make it unasked, the tools that merge into an offline hive do not.
_REGISTRY_COLUMNS = 80  # regedit breaks its own exports there


def windows_artifacts(plan: Plan) -> list[Artifact]:
    """The folder ``windows/KEY/`` of each VM with Windows whose picture comes back by Looking Glass."""
    artifacts: list[Artifact] = []
    for domain in plan.domains:
        if has_folder(domain) and domain.shared_memory is not None:
            files = settings_files(domain)
            medium = {MEDIUM: medium_of(domain)} if domain.guest_media.enable else {}
            files["README.txt"] = _text(readme(domain, tuple(files)))
            files |= medium
            artifacts.extend(Artifact(f"windows/{domain.key}/{name}", data) for name, data in files.items())
    return artifacts


def has_folder(domain: DomainPlan) -> bool:
    """Whether the bundle has files for the guest: it runs Windows, and shows its picture through Looking Glass."""
    return domain.shared_memory is not None and domain.looking_glass.enable and is_windows(domain)


def is_windows(domain: DomainPlan) -> bool:
    """By libosinfo's id, such as http://microsoft.com/win/11."""
    return "microsoft.com" in domain.os_id


def with_medium(domains: Iterable[DomainPlan]) -> list[DomainPlan]:
    """Those whose domain has the medium as a CD."""
    return [domain for domain in domains if domain.guest_media.enable and domain.guest_media.attach]


def medium_of(domain: DomainPlan) -> bytes:
    """The image that sets the guest up, with the settings of its release."""
    from optimux.emit.guest.iso import iso_image
    from optimux.emit.guest.medium import medium_files

    return iso_image(medium_files(domain, settings_files(domain)))


def settings_files(domain: DomainPlan) -> dict[str, bytes]:
    """What drivers and the host application read, by file name."""
    table = domain.looking_glass
    if table.release == "idd":
        return {REGISTRY_FILE: registry_file(table.displays)}
    files = {}
    if ini := host_ini(table):
        files[HOST_INI] = _text(ini)
    display = table.windows.virtual_display
    if display == "vdd":
        files[VDD_SETTINGS] = _text(vdd_settings(table.displays))
    elif display == "iddsample":
        files[IDD_SAMPLE_OPTIONS] = _text(idd_sample_options(table.displays))
    return files


def host_ini(table: LookingGlass) -> str:
    """B7's host application: ``[app]`` of its ini, empty where nothing departs from its defaults."""
    windows = table.windows
    given = {"capture": windows.capture, "throttleFPS": windows.throttle_fps}
    lines = [f"{key}={value}\n" for key, value in given.items() if value is not None]
    return "; Written by Optimux for the Looking Glass host application.\n[app]\n" + "".join(lines) if lines else ""


def vdd_settings(displays: Sequence[Display]) -> str:
    """Virtual-Display-Driver's settings: one monitor with the modes.

    The driver's XML reader takes a resolution when it meets ``refresh_rate``, so width and height stand before it.
    It adds each global rate to every resolution once more, so ``global`` is empty. A cursor setting that is missing
    reads as "none" and as -1 pixels: Looking Glass needs the hardware cursor. Source: MttVDD/Driver.cpp, loadSettings
    and VirtualDisplayDriverDeviceAdd, of 2026.
    """
    root = element(
        "vdd_settings",
        element("monitors", element("count", text="1")),
        element("gpu", element("friendlyname", text="default")),
        element("global"),
        element("resolutions", *(_resolution(display) for display in displays)),
        element("logging", *_leaves(SendLogsThroughPipe="false", logging="false", debuglogging="false")),
        element("colour", *_leaves(SDR10bit="false", HDRPlus="false", ColourFormat="RGB")),
        element(
            "cursor",
            *_leaves(
                HardwareCursor="true",
                CursorMaxY="128",
                CursorMaxX="128",
                AlphaCursorSupport="true",
                XorCursorSupportLevel="2",
            ),
        ),
        element("edid", *_leaves(CustomEdid="false", PreventSpoof="false", EdidCeaOverride="false")),
    )
    comment = "<!-- Written by Optimux for Virtual-Display-Driver. -->"
    return f'<?xml version="1.0" encoding="utf-8"?>\n{comment}\n{render(root)}'


def _resolution(display: Display) -> Element:
    width, height, rate = str(display.width), str(display.height), str(display.refresh_rate)
    return element("resolution", *_leaves(width=width, height=height, refresh_rate=rate))


def _leaves(**values: str) -> list[Element]:
    return [element(name, text=text) for name, text in values.items()]


def idd_sample_options(displays: Sequence[Display]) -> str:
    """IddSampleDriver's option.txt: the number of monitors, then a mode a line. Only later lines may be comments."""
    modes = "".join(f"{display.width}, {display.height}, {display.refresh_rate}\n" for display in displays)
    return f"1\n# Written by Optimux: width, height, hertz.\n{modes}"


def registry_file(displays: Sequence[Display]) -> bytes:
    """The display driver's modes, the first preferred, and the rate of modes that the client asks for.

    The only format of regedit that holds Unicode: version 5.00, UTF-16, little endian, with a byte order mark.
    Source: idd/LGIdd/config/CSettings.cpp of 2026-08.
    """
    modes = driver_modes(displays)
    lines = (
        "Windows Registry Editor Version 5.00",
        "",
        "; Written by Optimux for the display driver of Looking Glass: " + " ".join(modes),
        f"[{REGISTRY_PARENT}]",
        "",
        f"[{REGISTRY_KEY}]",
        _multi_string("Modes", modes),
        f'"DefaultRefresh"="{displays[0].refresh_rate}"',
        "",
    )
    return ("\ufeff" + "\n".join(lines)).replace("\n", "\r\n").encode("utf-16-le")


def _multi_string(name: str, strings: Iterable[str]) -> str:
    """A REG_MULTI_SZ: every string and the whole list end in a zero, in UTF-16LE bytes."""
    data = "".join(f"{string}\0" for string in strings) + "\0"
    lines = [f'"{name}"=hex(7):']
    octets = [f"{octet:02x}" for octet in data.encode("utf-16-le")]
    for index, octet in enumerate(octets):
        piece = octet + ("," if index + 1 < len(octets) else "")
        if len(lines[-1]) + len(piece) >= _REGISTRY_COLUMNS:
            lines[-1] += "\\"
            lines.append("  ")
        lines[-1] += piece
    return "\n".join(lines)


def _text(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()
