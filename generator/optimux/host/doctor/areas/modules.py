"""Secure Boot and the modules that are built on this machine: the kernel refuses what nobody known has signed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from optimux.facts.detect.security import KEYS
from optimux.host.doctor.check import Result, broken, check, holds, unseen

if TYPE_CHECKING:
    from optimux.host.doctor.look import Look

SECURE_BOOT = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"


@check(
    "modules.key",
    "an enrolled key for modules that are built here",
    'Under Secure Boot the kernel refuses kvmfr without one: "Key was rejected by service".',
)
def key(look: Look) -> Iterator[Result]:
    """Where kvmfr is planned: Secure Boot, and the key that DKMS or akmods signs with."""
    facts = look.facts
    if look.plan is None or not look.plan.kvmfr:
        return
    if facts.kvmfr.state == "loaded":
        yield holds("the kernel has taken kvmfr", "/sys/module/kvmfr")
    elif facts.security.secure_boot is None:
        yield unseen("whether Secure Boot is on is not shown", SECURE_BOOT, command="mokutil --sb-state")
    elif not facts.security.secure_boot:
        yield holds("Secure Boot is off", SECURE_BOOT)
    elif facts.security.own_key:
        yield holds("the key is enrolled", SECURE_BOOT)
    else:
        path = next((path for path in KEYS if look.root.exists(path)), None)
        seen = "Secure Boot is on, and the key is not enrolled" if path else "Secure Boot is on, and there is no key"
        command = f"mokutil --import {path} && reboot" if path else f"dkms generate_mok; mokutil --import {KEYS[0]}"
        remedy = "Enrol it; firmware asks for the password at the next boot. Then build the module anew."
        yield broken(seen, path or SECURE_BOOT, remedy, command)


@check(
    "modules.taken",
    "no module that the kernel refused in this boot",
    "A refused module is not there, whatever is installed.",
    of_log=True,
)
def taken(look: Look) -> Iterator[Result]:
    """The kernel's words; which module it was it does not say."""
    if look.plan is None or not look.plan.kvmfr:
        return
    if look.log.missing:
        yield from look.unlogged()
        return
    lines = look.log.find("Loading of (?:unsigned )?module.* is rejected|unsigned module loading is restricted")
    if lines:
        remedy = "Enrol the key that DKMS or akmods signs with, and build the module anew."
        yield broken(lines[-1][0].text, look.log.where, remedy, f"mokutil --import {KEYS[0]} && reboot")
    else:
        yield holds("none", look.log.where)


CHECKS = (key, taken)
