"""Scenario 7: the real kvmfr module under the generated files, and what users get wrong."""

from __future__ import annotations

import grp
import pwd
import re
import subprocess
from pathlib import Path
from typing import Any

from scenarios import device, libvirt

_SECONDS = 60
# What NixOS sets: there QEMU may create files in /dev, and does.
_AS_ROOT_IN_DEV = '\nuser = "root"\ngroup = "root"\nnamespaces = []\n'


def observe(path: str, size: int, user: str) -> dict[str, Any]:
    """The device: its kind, mode, owner and group, and whether ``user`` can map ``size`` bytes of it, and not more."""
    state = Path(path).stat()
    return {
        "character_device": Path(path).is_char_device(),
        "mode": f"{state.st_mode & 0o777:04o}",
        "owner": pwd.getpwuid(state.st_uid).pw_name,
        "group": grp.getgrgid(state.st_gid).gr_name,
        "maps": device.can_map(user, path, size),
        "maps_more": device.can_map(user, path, 2 * size),
        "others_map": device.can_map("nobody", path, size),
    }


def refusal(xml: str) -> str:
    """libvirt's words."""
    return libvirt.refusal(xml)


def refusal_without_acl(xml: str, path: str) -> str:
    """libvirt's words while ``path`` is missing in cgroup_device_acl alone."""
    text = libvirt.QEMU_CONF.read_text()
    without = re.sub(rf',?\s*"{path}"', "", text)
    assert without != text
    try:
        libvirt.reconfigure(without)
        return libvirt.refusal(xml)
    finally:
        libvirt.reconfigure(text)


def without_module(xml: str, memory: dict[str, Any]) -> dict[str, Any]:
    """What happens while the module is not loaded: under Debian's settings of libvirt, and under those of NixOS."""
    path, text = Path(memory["path"]), libvirt.QEMU_CONF.read_text()
    _run("modprobe", "-r", "kvmfr")
    try:
        seen: dict[str, Any] = {"words": libvirt.refusal(xml), "left": path.exists()}
        libvirt.reconfigure(text + _AS_ROOT_IN_DEV)
        seen["words_as_root"] = libvirt.refusal(xml)
        seen["regular_file"] = path.is_file()
        seen["verdict"] = _health(memory)
    finally:
        path.unlink(missing_ok=True)
        libvirt.reconfigure(text)
        _run("modprobe", "kvmfr")
        _run("udevadm", "settle")
    return seen | {"again": path.is_char_device()}


def _health(memory: dict[str, Any]) -> list[list[str]]:
    """What the health check says of the path."""
    from optimux.plan.model import SharedMemory
    from optimux.sizes import Size
    from optimux.vm.host_device import host_device

    keys = ("gpu", "kind", "release", "name", "path", "user", "group")
    planned = SharedMemory(**{key: memory[key] for key in keys}, size=Size(memory["size"]))
    return [[check.state, check.found, check.remedy] for check in host_device(planned)]


def _run(*command: str) -> None:
    subprocess.run(command, check=True, timeout=_SECONDS)
