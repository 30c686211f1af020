"""The images that ``disks[].create`` asks for: made whole or not at all, and never over what is there."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from optimux.errors import OptimuxError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from optimux.plan.devices import Disk

SECONDS = 60


def missing_images(disks: Iterable[Disk]) -> tuple[Disk, ...]:
    """Those that shall be made and are not there."""
    return tuple(disk for disk in disks if disk.create and disk.source and not os.path.lexists(disk.source))


@contextlib.contextmanager
def images_made(disks: Iterable[Disk]) -> Iterator[tuple[str, ...]]:
    """The images that are missing, made; they go again where what follows fails. Raises ``OptimuxError``."""
    made: list[str] = []
    try:
        for disk in missing_images(disks):
            make_image(disk)
            made.append(disk.source or "")
        yield tuple(made)
    except BaseException:
        for path in made:
            Path(path).unlink(missing_ok=True)
        raise


def make_image(disk: Disk) -> None:
    """One image, empty, of the planned size and format, readable by its owner alone: libvirt hands it to QEMU.

    Its folder is made where it is missing. Raises ``OptimuxError``; a file that appears meanwhile stays as it is.
    """
    assert disk.source is not None
    assert disk.create is not None
    target = Path(disk.source)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # Beside its place, as a link crosses no file systems; under another name, as qemu-img overwrites.
        with tempfile.TemporaryDirectory(prefix=".optimux-", dir=target.parent) as folder:
            image = Path(folder) / "image"
            _qemu_img(disk.format or "qcow2", image, disk.create.bytes)
            image.chmod(0o600)
            target.hardlink_to(image)
    except FileExistsError:
        raise OptimuxError(f"{target} appeared meanwhile; it stays as it is. Run this again.") from None
    except OSError as error:
        raise OptimuxError(
            f"{target} cannot be made: {error.strerror or error}. Run as root, or make it first."
        ) from None


def _qemu_img(kind: str, image: Path, size: int) -> None:
    line = ["qemu-img", "create", "-q", "-f", kind, str(image), str(size)]
    try:
        done = subprocess.run(line, capture_output=True, text=True, timeout=SECONDS, check=False)
    except FileNotFoundError:
        raise OptimuxError("qemu-img is missing (Debian: qemu-utils): it makes the images of disks[].create.") from None
    except subprocess.TimeoutExpired:
        raise OptimuxError(f"qemu-img did not end within {SECONDS} s.") from None
    if done.returncode:
        raise OptimuxError(f"qemu-img refuses {image}: {done.stderr.strip()}")
