"""The real kvmfr module, built from the source package of Looking Glass for the kernel of L1."""

from __future__ import annotations

import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from lab.consumers import roots
from lab.l1.kept import identity, kept
from optimux.vm.linux.archive import extract

if TYPE_CHECKING:
    from lab.consumers.roots import Root

_BUILD_SECONDS = 300
_MAKE = 'cp -r /source /tmp/module && exec make -C "/lib/modules/$1/build" M=/tmp/module modules'


def kvmfr_module(root: Root) -> dict[str, str | bytes]:
    """The module as a file for ``build_image``. It is built in 5 s, once.

    Raises ``Unavailable`` where this machine has no Debian roots, ``RuntimeError`` where the archive has no headers
    for the kernel of ``root`` any more: then the root is too old.
    """
    (release,) = (entry.name for entry in (root.path / "lib/modules").iterdir())
    headers, source = roots.module_build_root(release), roots.looking_glass_source()

    def fill(place: Path) -> None:
        with (
            tempfile.TemporaryDirectory() as folder,
            headers.session({_unpacked(source, Path(folder)): "/source"}) as inside,
        ):
            inside.run(["sh", "-c", _MAKE, "make", release], timeout=_BUILD_SECONDS)
            (place / "kvmfr.ko").write_bytes(inside.read("/tmp/module/kvmfr.ko"))

    with kept("kvmfr", (identity(headers), identity(source), _MAKE, release), fill) as place:
        return {f"/lib/modules/{release}/updates/kvmfr.ko": (place / "kvmfr.ko").read_bytes()}


def _unpacked(source: Root, folder: Path) -> Path:
    (archive,) = source.path.glob("usr/src/*.orig.tar.*")
    with tarfile.open(archive) as members:
        extract(members, folder, lambda path: "/module/" in path)
    return next(folder.glob("*/module"))
