"""The checkout's code as a disk of its own, which every L1 machine mounts once it is up."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import qemu.qmp

from lab import CHECKOUT
from lab.l1.disk import make_disk
from lab.l1.kept import identity, kept

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.consumers.roots import Root

CODE = "/opt/optimux"
_SIZE_MIB = 64  # the same for every checkout: a machine that was kept knows its disks
_SECONDS = 120
_PARTS = ("generator", "lab", "examples")
# Compiled by the Python that reads it, which need not look at the sources then.
_COMPILE = """mkdir -p /tmp/code && cp -r /checkout/* /tmp/code &&
exec python3 -m compileall -q --invalidation-mode unchecked-hash -s /tmp/code -p "$1" /tmp/code"""
_UUID = "5a3c1f0e-0b3a-4f6e-8c55-6f1de1b7a201"


@contextmanager
def code_disk(root: Root) -> Iterator[Path]:
    """The disk, to be read only. It is made in seconds, once for each state of the code."""
    places = {CHECKOUT / name: name for name in _PARTS}
    places[Path(qemu.qmp.__file__).parents[1]] = "qemu"  # which Debian does not have

    def fill(folder: Path) -> None:
        with root.session({place: f"/checkout/{name}" for place, name in places.items()}) as session:
            session.run(["sh", "-c", _COMPILE, "compile", CODE], timeout=_SECONDS)
            make_disk(session, "/tmp/code", folder / "disk", _SIZE_MIB, "-U", _UUID)

    with kept("code", (identity(root), _COMPILE, _SIZE_MIB, *map(_digest, places)), fill) as folder:
        yield folder / "disk"


def _digest(place: Path) -> str:
    """Of all sources below a folder, and their places."""
    digest = hashlib.sha256()
    for file in sorted(path for path in place.rglob("*") if path.suffix != ".pyc" and path.is_file()):
        digest.update(f"{file.relative_to(place)} ".encode() + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()
