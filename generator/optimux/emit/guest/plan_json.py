"""``plan.json``: what setup.ps1 is told of the VM. The bytes on both sides agree by its checksums."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from optimux.emit.display_modes import REGISTRY_KEY, driver_modes, mode
from optimux.emit.guest import problems
from optimux.emit.guest.steps import steps_for

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optimux.plan.model import DomainPlan, PlannedFunction
    from optimux.plan.picture import Display, LookingGlass

FORMAT = 1
RELEASES = {"b7": "B7", "idd": "IDD"}
# Where each settings file lies in the guest, before the driver that reads it is installed.
TARGETS = {
    "looking-glass-host.ini": r"%ProgramFiles%\Looking Glass (host)\looking-glass-host.ini",
    "vdd_settings.xml": r"%SystemDrive%\VirtualDisplayDriver\vdd_settings.xml",
    "option.txt": r"%SystemDrive%\IddSampleDriver\option.txt",
}


def plan_json(domain: DomainPlan, settings: Mapping[str, bytes], payload: Mapping[str, bytes]) -> bytes:
    """The plan for one VM, with the settings files beside it on the medium. ASCII."""
    table = domain.looking_glass
    data = {
        "format": FORMAT,
        "vm": domain.name,
        "release": table.release,
        "releaseName": RELEASES[table.release],
        "modes": [mode(display) for display in table.displays],
        "sharedMemory": domain.shared_memory.size.bytes if domain.shared_memory else 0,
        "gpu": [_function(function) for function in domain.card if function.passed],
        "settings": [
            {"file": name, "target": TARGETS[name], "sha256": sha256(content).hexdigest()}
            for name, content in sorted(settings.items())
            if name in TARGETS
        ],
        "registry": registry_values(table.displays) if table.release == "idd" else [],
        "files": _files(domain, payload),
        "badDrivers": [{"version": version, "next": words} for version, words in problems.BAD_DRIVERS],
        "steps": [{"name": step.name, "test": step.test, "act": step.act or ""} for step in _steps(domain, table)],
        "words": {
            "absent": problems.ABSENT,
            "subsystem": problems.ZERO_SUBSYSTEM,
            "vendorDriver": problems.VENDOR_DRIVER,
            "problem": problems.OTHER,
            "problems": {str(code): words for code, words in problems.PROBLEMS.items()},
        },
    }
    return (json.dumps(data, indent=2) + "\n").encode("ascii")


def _steps(domain: DomainPlan, table: LookingGlass) -> Any:
    display = table.windows.virtual_display
    return steps_for(table.release, display, emulated_display_off=domain.guest_media.emulated_display_off)


def _files(domain: DomainPlan, payload: Mapping[str, bytes]) -> dict[str, dict[str, str]]:
    """What may run: the user's own table first, then what lies on the medium itself."""
    given = {name: {"sha256": sha256(content).hexdigest(), "url": ""} for name, content in payload.items()}
    stated = {name: {"sha256": file.sha256, "url": file.url or ""} for name, file in domain.guest_media.files}
    return dict(sorted((given | stated).items()))


def _function(function: PlannedFunction) -> dict[str, object]:
    """Function 0 is the card's display; Windows writes ids in upper case."""
    vendor, device = str(function.id).upper().split(":")
    return {"vendor": vendor, "device": device, "display": function.address.function == 0}


def registry_values(displays: Sequence[Display]) -> list[dict[str, object]]:
    """The values below ``REGISTRY_KEY``: the modes, and the rate of modes that a client asks for."""
    return [
        {"key": REGISTRY_KEY, "name": "Modes", "type": "MultiString", "data": driver_modes(displays)},
        {"key": REGISTRY_KEY, "name": "DefaultRefresh", "type": "String", "data": [str(displays[0].refresh_rate)]},
    ]
