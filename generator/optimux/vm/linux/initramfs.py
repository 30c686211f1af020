"""The throwaway guest's first and only file system: busybox, a few modules, one script."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from optimux.files.scratch import write_new
from optimux.shipped import shipped
from optimux.vm.linux import cpio
from optimux.vm.linux.cache import cache, cached
from optimux.vm.linux.kernel import WANTED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optimux.vm.linux.kernel import LinuxKernel

_APPLETS = (
    *("sh", "mount", "insmod", "stty", "base64", "cat", "dd", "head", "ls", "printf", "sleep", "usleep", "yes"),
)
_FOLDERS = ("bin", "dev", "modules", "proc", "sys")


def initramfs(kernel: LinuxKernel, busybox: Path) -> Path:
    """The image's path in the cache; it is built where it is missing. Raises ``VmError`` for unreadable modules."""
    state = busybox.stat()
    key = hashlib.sha256(repr((kernel, busybox, state.st_size, state.st_mtime)).encode() + shipped("vm/linux/init.sh"))
    target = cache("initramfs") / f"{kernel.release}-{key.hexdigest()[:12]}.cpio"
    return cached(target, lambda half: _write(half, cpio.archive(_entries(kernel, busybox))))


def _entries(kernel: LinuxKernel, busybox: Path) -> Iterator[cpio.Entry]:
    yield from (cpio.folder(name) for name in _FOLDERS)
    yield cpio.character_device("dev/console", 5, 1)  # where init's own words go before /dev is mounted
    yield cpio.file("bin/busybox", busybox.read_bytes())
    yield from (cpio.link(f"bin/{name}", "busybox") for name in _APPLETS)
    yield cpio.file("init", shipped("vm/linux/init.sh"))
    for name, _ in kernel.modules:
        yield cpio.file(f"modules/{WANTED.index(name) + 1}-{name}.ko", kernel.module(name))


def _write(path: Path, content: bytes) -> None:
    write_new(path, content)
