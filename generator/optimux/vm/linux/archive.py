"""Files out of a tar archive that this program did not make."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimux.files.scratch import own_folder, write_new

if TYPE_CHECKING:
    import tarfile
    from collections.abc import Callable
    from pathlib import Path


def extract(members: tarfile.TarFile, folder: Path, wanted: Callable[[str], bool]) -> None:
    """Write the ``wanted`` regular files below ``folder``, by their paths in the archive; nothing else of them is kept.

    Raises ``ValueError`` for a path that leads out of ``folder``. By hand, as ``filter=`` came with Python 3.11.4.
    """
    for member in members:
        path = member.name.removeprefix("./")
        if not member.isfile() or not wanted(path):
            continue
        target = folder / path
        if ".." in target.parts or not target.is_relative_to(folder):
            raise ValueError(f"{member.name} leads out of {folder}")
        source = members.extractfile(member)
        assert source is not None, "it is a regular file"
        own_folder(target.parent)
        write_new(target, source.read())
