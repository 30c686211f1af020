"""The images that ``disks[].create`` asks for: made whole or not at all, and never over what is there."""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from optimux.errors import OptimuxError
from optimux.files.scratch import discard, made_new

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
            discard(Path(path))
        raise


def make_image(disk: Disk) -> None:
    """One image, empty, of the planned size and format, readable by its owner alone: libvirt hands it to QEMU.

    Its folder is made where it is missing. Raises ``OptimuxError``; a file that appears meanwhile stays as it is.
    """
    assert disk.source is not None
    assert disk.create is not None
    target, kind, size = Path(disk.source), disk.format or "qcow2", disk.create.bytes
    try:
        made_new(target, lambda image: _qemu_img(kind, image, size), 0o600)
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
