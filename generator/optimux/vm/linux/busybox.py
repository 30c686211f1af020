"""A static busybox for the throwaway guest."""

from __future__ import annotations

import shutil
from pathlib import Path

from optimux.vm.errors import VmError
from optimux.vm.linux import debian_package
from optimux.vm.linux.cache import present

_ELF_HEAD = 8192
_IN_PACKAGE = ("usr/bin/busybox", "bin/busybox")  # of Debian 13, and before


def find_busybox() -> Path:
    """This machine's static busybox, or Debian's. Raises ``VmError``."""
    for name in ("busybox", "busybox-static", "busybox.static"):
        if (found := shutil.which(name)) and is_static(Path(found)):
            return Path(found)
    if debian_package.available() or present("packages", "busybox-static"):
        folder = debian_package.files_of("busybox-static", lambda path: path in _IN_PACKAGE)
        return next(folder / path for path in _IN_PACKAGE if (folder / path).exists())
    remedy = "Install one (Debian, Ubuntu: busybox-static; Fedora, Arch: busybox)."
    raise VmError("no static busybox for the throwaway guest", remedy)


def is_static(program: Path) -> bool:
    """Whether it names no dynamic loader."""
    with program.open("rb") as file:
        head = file.read(_ELF_HEAD)
    return head.startswith(b"\x7fELF") and b"/ld-" not in head
