"""Files out of a Debian package, where apt can fetch it: nothing is installed."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

from optimux.files.scratch import discard, own_folder
from optimux.vm.errors import VmError, tail
from optimux.vm.linux.archive import extract
from optimux.vm.linux.cache import cache, cached

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_ASK_SECONDS = 60
_DOWNLOAD_SECONDS = 300
_UNPACK_SECONDS = 120


def available() -> bool:
    """Whether this machine can fetch Debian packages."""
    return all(shutil.which(program) for program in ("apt-get", "apt-cache", "dpkg-deb"))


def files_of(package: str, wanted: Callable[[str], bool]) -> Path:
    """A cached folder with the ``wanted`` files of ``package`` and of its parts, by their paths inside.

    Raises ``VmError`` where the package cannot be had.
    """

    def make(folder: Path) -> None:
        own_folder(folder)
        for part in (package, *_parts(package)):
            _extract(_download(part, folder), folder, wanted)

    return cached(cache("packages") / package, make)


def newest_kernel_package() -> str | None:
    """The package that ``linux-image-amd64`` depends on; ``None`` where apt knows none, as on Ubuntu."""
    return next(_dependencies("linux-image-amd64", "linux-image-"), None)


def _parts(package: str) -> list[str]:
    """From 7.2 on Debian's linux-image-* is empty: it depends on the package of the image and that of the modules."""
    return [name for kind in ("linux-binary-", "linux-modules-") for name in _dependencies(package, kind)]


def _dependencies(package: str, prefix: str) -> Iterator[str]:
    command = ["apt-cache", "depends", "--important", package]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_ASK_SECONDS, check=False)
    return (line.split()[-1] for line in done.stdout.splitlines() if f"Depends: {prefix}" in line)


def _download(package: str, folder: Path) -> Path:
    _run(["apt-get", "-qq", "download", package], _DOWNLOAD_SECONDS, folder)
    return next(folder.glob("*.deb"))


def _extract(archive: Path, folder: Path, wanted: Callable[[str], bool]) -> None:
    """The archive is read as a stream: a kernel package holds some hundred MB that nobody wants."""
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(archive)], stdout=subprocess.PIPE) as unpacker:
        try:
            with tarfile.open(fileobj=unpacker.stdout, mode="r|") as members:
                extract(members, folder, wanted)
            status = unpacker.wait(_UNPACK_SECONDS)
        except (tarfile.TarError, subprocess.TimeoutExpired):
            unpacker.kill()
            status = -1
    discard(archive)
    if status:
        raise VmError(f"{archive.name} cannot be unpacked", "Is there room, and is the package whole? Try again.")


def _run(command: list[str], seconds: float, folder: Path | None = None) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        raise VmError(f"{' '.join(command)} took more than {seconds:g} s", "Check the network.") from None
    except subprocess.CalledProcessError as error:
        words = tail(error.stderr.decode(errors="replace"), 3)
        raise VmError(f"{' '.join(command)} failed: {words}", "Check the network and apt-get update.") from None
