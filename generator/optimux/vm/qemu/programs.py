"""Where QEMU and its UEFI firmware lie on this machine."""

from __future__ import annotations

import os
import shutil
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optimux.record import Record
from optimux.vm.errors import VmError

if TYPE_CHECKING:
    from collections.abc import Iterator

# Beside the search path: RHEL's name, and NixOS' place for libvirt's emulators.
_ELSEWHERE = ("/usr/libexec/qemu-kvm", "/run/libvirt/nix-emulators/qemu-system-x86_64")
_ASK_SECONDS = 5
# Images where no descriptor names them: code and variables.
_PAIRS = (
    ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),
    ("/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd"),
    ("/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"),
    ("/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"),
)


class Ovmf(Record):
    """A UEFI firmware without Secure Boot: code, read-only, and the template of its variables."""

    code: str
    variables: str


def find_qemu() -> str:
    """The path of qemu-system-x86_64; ``OPTIMUX_QEMU`` names another. Raises ``VmError`` with where to get it."""
    if chosen := os.environ.get("OPTIMUX_QEMU"):
        return chosen
    found = shutil.which("qemu-system-x86_64") or next((path for path in _ELSEWHERE if os.access(path, os.X_OK)), None)
    if found is None:
        raise VmError(
            "no QEMU: qemu-system-x86_64 is not in PATH",
            "Install it (Debian, Ubuntu, Arch: qemu-system-x86; Fedora: qemu-system-x86-core; Nix: qemu), "
            "or name it in OPTIMUX_QEMU.",
        )
    return found


def has_machine(qemu: str, name: str) -> bool:
    """Whether this QEMU knows a machine type; one that does not answer knows none, and says why when it is run."""
    return name in machine_types(qemu)


@cache
def machine_types(qemu: str) -> frozenset[str]:
    """The names of the machine types that it knows; none where it does not answer."""
    import subprocess

    command = [qemu, "-machine", "help"]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_ASK_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return frozenset()
    lines = done.stdout.decode(errors="replace").splitlines()
    return frozenset(line.split()[0] for line in lines if line.strip())


def find_ovmf(qemu: str) -> Ovmf:
    """The first image without Secure Boot that QEMU's firmware descriptors name. Raises ``VmError``."""
    beside = Path(qemu).resolve().parent.parent / "share/qemu/firmware"
    for folder in (Path("/etc/qemu/firmware"), Path("/usr/share/qemu/firmware"), beside):
        for file in sorted(folder.glob("*.json")):
            if found := _described(file):
                return found
    for code, variables in _PAIRS:
        if Path(code).exists() and Path(variables).exists():
            return Ovmf(code, variables)
    remedy = "Install it (Debian, Ubuntu: ovmf; Arch, Fedora: edk2-ovmf), or use --firmware seabios."
    raise VmError("no UEFI firmware for QEMU", remedy)


def _described(file: Path) -> Ovmf | None:
    import json

    try:
        descriptor = json.loads(file.read_text())
        mapping = descriptor["mapping"]
        usable = "secure-boot" not in descriptor["features"] and any(_machines(descriptor))
        if not usable or mapping["device"] != "flash":
            return None
        code, variables = mapping["executable"], mapping["nvram-template"]
    except (OSError, ValueError, KeyError, TypeError):
        return None  # another program's file; the next one may do
    files = (code["filename"], variables["filename"])
    if {code["format"], variables["format"]} != {"raw"} or not all(Path(file).exists() for file in files):
        return None
    return Ovmf(code["filename"], variables["filename"])


def _machines(descriptor: Any) -> Iterator[bool]:
    for target in descriptor["targets"]:
        yield target["architecture"] == "x86_64" and any("q35" in name for name in target["machines"])
