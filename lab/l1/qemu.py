"""The QEMU of a Debian root, run on this machine: one version for everybody, and none to install."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from lab.consumers import roots
from lab.consumers.roots import started_here
from lab.errors import Unavailable

if TYPE_CHECKING:
    from pathlib import Path

    from lab.consumers.roots import Root

_MODULES = "usr/lib/x86_64-linux-gnu/qemu"
_FIRMWARE = ("usr/share/qemu", "usr/share/seabios", "usr/lib/ipxe/qemu")


def emulator() -> Root:
    """The root whose QEMU runs L1 machines: the newest, which takes a fifth less of our processors than Debian 13's,
    where it can be had. What runs in them is Debian 13's, L2's QEMU too.
    """
    try:
        return roots.sid_libvirtd_root()
    except Unavailable:
        return roots.trixie_root()


def qemu_of(root: Root, folder: Path) -> str:
    """The path of a program in ``folder`` that stands for the root's QEMU, run with the root's own libraries."""
    path = root.path
    command = started_here(path, "usr/bin/qemu-system-x86_64")
    command += [word for place in _FIRMWARE for word in ("-L", str(path / place))]
    modules = shlex.quote(str(path / _MODULES))
    program = folder / "qemu-system-x86_64"
    # Its table of what it has translated is looked into at most jumps: in huge pages, where the kernel gives them.
    words = f"QEMU_MODULE_DIR={modules} GLIBC_TUNABLES=glibc.malloc.hugetlb=1"
    program.write_text(f'#!/bin/sh\n{words} exec {shlex.join(command)} "$@"\n')
    program.chmod(0o755)
    return str(program)
