"""The real kvmfr module, built from the source package of Looking Glass for the kernel of L1."""

from __future__ import annotations

import tarfile
from typing import TYPE_CHECKING

from lab.consumers import roots
from optimux.vm.linux.archive import extract

if TYPE_CHECKING:
    from pathlib import Path

    from lab.consumers.roots import Root

_BUILD_SECONDS = 300


def kvmfr_module(root: Root, folder: Path) -> dict[str, str | bytes]:
    """The module as a file for ``build_image``, about 5 s.

    Raises ``Unavailable`` where this machine has no Debian roots, ``RuntimeError`` where the archive has no headers
    for the kernel of ``root`` any more: then the root is too old.
    """
    (release,) = (entry.name for entry in (root.path / "lib/modules").iterdir())
    source = _unpacked(folder)
    with roots.module_build_root(release).session({source: "/source"}) as session:
        script = 'cp -r /source /tmp/module && exec make -C "/lib/modules/$1/build" M=/tmp/module modules'
        session.run(["sh", "-c", script, "make", release], timeout=_BUILD_SECONDS)
        return {f"/lib/modules/{release}/updates/kvmfr.ko": session.read("/tmp/module/kvmfr.ko")}


def _unpacked(folder: Path) -> Path:
    (archive,) = roots.looking_glass_source().path.glob("usr/src/*.orig.tar.*")
    with tarfile.open(archive) as members:
        extract(members, folder, lambda path: "/module/" in path)
    return next(folder.glob("*/module"))
