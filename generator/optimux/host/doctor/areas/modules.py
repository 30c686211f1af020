"""Secure Boot and the modules that are built on this machine: the kernel refuses what nobody known has signed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from optimux.facts.detect.security import KEYS
from optimux.host.doctor.check import Result, broken, check, holds, unlogged, unseen

if TYPE_CHECKING:
    from optimux.host.doctor.look import Look

MOST_MODULE, MOST_UNPACKED = 16 << 20, 64 << 20
SECONDS = 5.0
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


SIGNED = b"~Module signature appended~\n"  # include/linux/module_signature.h
_KVMFR = re.compile(r"^(\S*kvmfr\.ko(?:\.[a-z0-9]+)?):", re.MULTILINE)


@check(
    "modules.signed",
    "a signature on the module kvmfr, where the firmware asks for one",
    "A key helps only a module that was signed with it: one that DKMS built before the key was made is not.",
)
def signed(look: Look) -> Iterator[Result]:
    """The end of the module's file under Secure Boot; whose signature it is says the kernel alone."""
    if look.plan is None or not look.plan.kvmfr or not look.facts.security.secure_boot:
        return
    folder = f"/lib/modules/{look.root.text('/proc/sys/kernel/osrelease')}"
    found = _KVMFR.search(look.root.text(f"{folder}/modules.dep") or "")
    path = f"{folder}/{found[1]}" if found else ""
    data = look.root.data(path, MOST_MODULE) if found else None
    if data is None:
        return  # that it is not installed, kvmfr.module says
    content = _unpacked(path, data)
    if content is None:
        hint = " without the program zstd" if path.endswith(".zst") else ""
        yield unseen(f"it cannot be unpacked{hint}", path, command=f"modinfo -F sig_key {path}")
    elif content.endswith(SIGNED):
        yield holds("signed", path)
    else:
        remedy = "Build it anew, now that DKMS or akmods has a key."
        yield broken("not signed", path, remedy, "dkms autoinstall --force; modprobe kvmfr")


def _unpacked(path: str, data: bytes) -> bytes | None:
    """A module's file without its compression; ``None`` where it cannot be had, or is larger than any module."""
    import lzma
    import zlib

    try:
        if path.endswith(".zst"):
            return _by_zstd(data)
        unpacker = lzma.LZMADecompressor() if path.endswith(".xz") else zlib.decompressobj(31)
        if path.endswith((".xz", ".gz")):
            content = unpacker.decompress(data, MOST_UNPACKED)
            return content if unpacker.eof else None
    except (lzma.LZMAError, zlib.error, OSError):
        return None
    return data if path.endswith(".ko") else None


def _by_zstd(data: bytes) -> bytes:
    """By the program: Python has no such library before 3.14. Raises ``OSError``."""
    import subprocess

    said = subprocess.DEVNULL
    with subprocess.Popen(["zstd", "-dcq"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said) as process:
        try:
            content, _ = process.communicate(data, timeout=SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise OSError("zstd does not end") from None
    if process.returncode:
        raise OSError(f"zstd ended with {process.returncode}")
    return content


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
        yield from unlogged(look)
        return
    lines = look.log.find("Loading of (?:unsigned )?module.* is rejected|unsigned module loading is restricted")
    if lines:
        remedy = "Enrol the key that DKMS or akmods signs with, and build the module anew."
        yield broken(lines[-1][0].text, look.log.where, remedy, f"mokutil --import {KEYS[0]} && reboot")
    else:
        yield holds("none", look.log.where)


CHECKS = (key, signed, taken)
