"""Scenario 5: libvirt runs the generated domain on the card, and its guest reports what it sees."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from scenarios import device, idle_power, libvirt, pci
from scenarios.emulated import adapted

GUEST = "/var/lib/libvirt/images/guest"  # its kernel and initrd
_STEP_SECONDS = 0.5
_WORDS = 64


def has_kvm() -> bool:
    """Whether this level can run guests by hardware, real or emulated."""
    return Path("/dev/kvm").exists()


def boot(command_line: str) -> dict[str, str]:
    """The direct boot of the small guest."""
    return {"kernel": f"{GUEST}/vmlinuz", "initrd": f"{GUEST}/initrd", "cmdline": command_line}


def run(
    xml: str, command_line: str, token: str, logs: list[str], memory: dict[str, Any], functions: list[str], limit: float
) -> dict[str, Any]:
    """Start ``xml``, wait for the guest's report, stop it; what was seen on the way.

    ``logs`` are the console's and the report's path, ``memory`` has path, size and user of the shared memory,
    ``functions`` are those that the guest gets. Raises ``RuntimeError`` with the console where no report with the
    ``token`` comes within ``limit`` seconds.
    """
    started = adapted(xml, boot(command_line), has_kvm())
    place, size, user = memory["path"], memory["size"], memory["user"]
    seeds = {page: os.urandom(_WORDS) for page in device.written_by_host(size)}
    if memory["kind"] == "kvmfr":
        device.write_as(user, place, size, seeds)
    for log in logs:
        Path(log).unlink(missing_ok=True)
    before = time.monotonic()
    libvirt.start(started)
    name = libvirt.name_of(xml)
    try:
        seen = {"created_after": time.monotonic() - before, "live": libvirt.live_xml(name)}
        seen["report"] = _report(logs, token, limit)
        seen["reported_after"] = time.monotonic() - before
        seen["running"] = {address: idle_power.state(address) for address in functions}
        written = device.read_as(user, place, size) if memory["kind"] == "kvmfr" else {}
    finally:
        libvirt.stop(name)
    seen["stopped"] = {address: idle_power.settled(address) for address in functions}
    hexadecimal = {"seeds": seeds, "written": written}
    return seen | {
        "started": started,
        "kvm": has_kvm(),
        **{name: {page: data.hex() for page, data in pages.items()} for name, pages in hexadecimal.items()},
    }


def refusal_with_driver(xml: str, address: str, driver: str) -> dict[str, Any]:
    """libvirt's words for ``xml`` while ``address`` is bound to ``driver``; vfio-pci has it again afterwards."""
    pci.bind(address, driver)
    try:
        return {"driver": pci.driver(address), "words": libvirt.refusal(xml), "group": pci.group(address)}
    finally:
        pci.bind(address, "vfio-pci")
        pci.write(address, "driver_override", "\n")


def _report(logs: list[str], token: str, limit: float) -> str:
    console, report = (Path(log) for log in logs)
    end = time.monotonic() + limit
    while True:
        text = report.read_text(errors="replace").replace("\r", "") if report.exists() else ""
        if f"end {token}\n" in text:
            return text[text.find(f"begin {token}") :]  # UEFI writes to this port as well
        if time.monotonic() > end:
            tail = console.read_text(errors="replace")[-3000:] if console.exists() else "(nothing)"
            raise RuntimeError(f"no report within {limit:g} s; the guest's console ends with:\n{tail}")
        time.sleep(_STEP_SECONDS)
