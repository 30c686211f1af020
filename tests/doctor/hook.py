"""libvirt's hook on the recorded machine, and a libvirtd beside it."""

from __future__ import annotations

import tarfile

from tests.doctor.machine import Members, Node

OUR_HOOK = "/etc/libvirt/hooks/qemu.d/optimux"
HOOK: Members = {
    OUR_HOOK: "#!/bin/sh\n",
    "/etc/optimux/cards.json": "{}\n",
    "/sys/fs/selinux/enforce": "1",
    "/sys/fs/selinux/booleans/virt_hooks_unconfined": "1 1",
}
# Started 300 s after the machine, which was at 1000.
LIBVIRTD: Members = {
    "/run/libvirtd.pid": "812\n",
    "/proc/812/stat": f"812 (libvirtd) S 1 {'0 ' * 17}30000 0 0\n",
    "/proc/stat": "cpu  1 2 3\nbtime 1000\n",
}


def hook_of(modified: int) -> Members:
    """A hook that came at a time, in seconds since 1970, and a daemon that runs since 1300."""
    return {**HOOK, **LIBVIRTD, OUR_HOOK: Node(tarfile.REGTYPE, 0o755, modified=modified)}


def other_hook(mode: int, modified: int) -> Members:
    """Somebody else's hook beside ours."""
    return {"/etc/libvirt/hooks/qemu.d/aaa": Node(tarfile.REGTYPE, mode, modified=modified, text="#!/bin/sh\n")}
