"""Are Windows' media what they should be: by their content, as a page that says "sorry" downloads as well as an image.

ISO 9660 (ECMA-119 §8.4), its boot record by El Torito, and the recognition sequence of UDF (ECMA-167 2/9), without
which Windows' own media are not made, as their largest file exceeds ISO 9660's.
"""

from __future__ import annotations

import os
import re
import stat
from typing import TYPE_CHECKING, Literal

from optimux.errors import Problem
from optimux.files.read import at_once
from optimux.record import Record
from optimux.rules import rules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optimux.plan.model import DomainPlan

SECTOR = 2048
FIRST, LAST = 16, 48  # sectors in which descriptors stand
PAGE = re.compile(rb"\s*(<\?xml|<!doctype|<html|<!--|\{)", re.I)
# Microsoft's labels: CCCOMA_X64FRE_EN-US_DV9.
LABEL = re.compile(r"(?P<arch>X64|X86|A64|ARM64)FRE_(?P<language>[A-Z]{2,3}(-[A-Z]{2,4})+)_")
Kind = Literal["iso", "virtioWin"]


class Volume(Record):
    """What the first sectors say: the label, the bytes that the image should have, whether it starts machines."""

    label: str
    size: int
    is_bootable: bool
    has_udf: bool


def media_problems(domain: DomainPlan, distribution: str) -> list[Problem]:
    """What is wrong with the media that a VM's configuration names; nothing where it names none."""
    windows = domain.windows
    language = windows.unattended.language if windows.unattended else None
    found = []
    for kind, path in (("iso", windows.iso), ("virtioWin", windows.virtio_win)):
        if path and (wrong := _wrong(path, "iso" if kind == "iso" else "virtioWin", language)):
            allowed, where = _wanted("iso" if kind == "iso" else "virtioWin", distribution)
            found.append(Problem(f"vms.{domain.key}.windows.{kind}", f"{path}, {wrong}", allowed, where))
    return found or _edition_problems(domain)


def _edition_problems(domain: DomainPlan) -> list[Problem]:
    """An edition that the medium has not, where its list can be read: Setup would ask."""
    windows = domain.windows
    if windows.unattended is None or windows.iso is None:
        return []
    from optimux.guest.editions import editions

    names = editions(windows.iso)
    if not names or windows.unattended.edition in names:
        return []
    found, allowed = f'"{windows.unattended.edition}"', ", ".join(f'"{name}"' for name in names)
    return [Problem(f"vms.{domain.key}.windows.unattended.edition", found, allowed, "Name one of the medium's.")]


def _wanted(kind: Kind, distribution: str) -> tuple[str, str]:
    media = rules()["windowsMedia"]
    if kind == "iso":
        return "a medium of Windows for x64", f"Get it from {media['iso']}."
    package = media["packages"].get(distribution)
    also = f" Or take {package}." if package else ""
    return "the medium virtio-win", f"Get it from {media['virtioWin']}.{also}"


def _wrong(path: str, kind: Kind, language: str | None) -> str | None:
    """What a file is in place of the medium, in words, or nothing."""
    try:
        with open(path, "rb", opener=at_once) as file:
            status = os.fstat(file.fileno())
            if not (stat.S_ISREG(status.st_mode) or stat.S_ISBLK(status.st_mode)):
                return "which is no file"
            start = file.read(LAST * SECTOR)
            size = file.seek(0, os.SEEK_END)
    except OSError as error:
        return f"which cannot be read: {error.strerror}"
    if PAGE.match(start):
        return "a page or a message that a server sent in its place"
    volume = _volume(start)
    if volume is None:
        return "which is no ISO image"
    if size < volume.size:
        return f"which was cut off: {size >> 20} of {volume.size >> 20} MiB"
    return next(iter(_unlike(volume, kind, language)), None)


def _volume(start: bytes) -> Volume | None:
    sectors = [start[at : at + SECTOR] for at in range(FIRST * SECTOR, len(start), SECTOR)]
    primary = next((sector for sector in sectors if sector[:6] == b"\x01CD001"), None)
    if primary is None:
        return None
    return Volume(
        label=primary[40:72].decode("ascii", "replace").strip("\0 "),
        size=int.from_bytes(primary[80:84], "little") * SECTOR,
        is_bootable=any(sector[:6] == b"\0CD001" and b"EL TORITO" in sector[7:39] for sector in sectors),
        has_udf=any(sector[1:6] in (b"NSR02", b"NSR03") for sector in sectors),
    )


def _unlike(volume: Volume, kind: Kind, language: str | None) -> Iterator[str]:
    """How an image differs from the medium that is wanted."""
    is_virtio = volume.label.lower().startswith("virtio-win")
    if kind == "virtioWin":
        if not is_virtio:
            yield f'an image labelled "{volume.label}"'
        return
    if is_virtio:
        yield "the medium of virtio's drivers"
    if not volume.is_bootable:
        yield f'an image labelled "{volume.label}" that no machine starts from'
    if not volume.has_udf:
        yield f'an image labelled "{volume.label}" without the file system of Windows\' media (UDF)'
    if (label := LABEL.search(volume.label)) is None:
        return
    if label["arch"] != "X64":
        yield f'an image labelled "{volume.label}", for other processors'
    if language and label["language"] != language.upper() and "MULTI" not in volume.label:
        yield f"a medium in {label['language']}, where windows.unattended.language is {language}"
