"""A folder of files as an ISO 9660 image with Joliet names, byte-identical for the same input.

ISO 9660 (ECMA-119) interchange level 3 for firmware and tools, Joliet for Windows, which reads its names alone. The
library stamps every record with the time of the call; the stamps are replaced before the image is written.
"""

from __future__ import annotations

import re
from io import BytesIO
from typing import TYPE_CHECKING, Any

from optimux.errors import OptimuxError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

GUEST_LABEL = "OPTIMUX"
# ECMA-119 §9.1.5: years since 1900, month, day, hour, minute, second, quarters of an hour from UTC.
_RECORD_DATE = bytes((126, 1, 1, 0, 0, 0, 0))
# ECMA-119 §8.4.26.1: sixteen digits and the same offset.
_VOLUME_DATE = b"2026010100000000\x00"
_BLOCK = 2048
_MODIFIED = 830  # ECMA-119 §8.4.27: where a descriptor has its date of modification
_LONGEST = 64  # Joliet's specification, characters of a name
_FORBIDDEN = re.compile(r"[*/:;?\\\x00-\x1f]")


def iso_image(files: Mapping[str, bytes], label: str = GUEST_LABEL) -> bytes:
    """The image that holds ``files`` (path with forward slashes to content) under ``label``.

    Raises ``OptimuxError`` where a name cannot be one of Joliet's, where two names differ in case alone (Windows
    takes them for one), and where the library is missing.
    """
    _check(files)
    iso = _library().PyCdlib()
    iso.new(interchange_level=3, vol_ident=label, joliet=3, app_ident_str="OPTIMUX")
    try:
        short = _ShortNames()
        for folder in _folders(files):
            iso.add_directory(short.of(folder, is_folder=True), joliet_path=f"/{folder}")
        for path, content in sorted(files.items()):
            iso.add_fp(BytesIO(content), len(content), short.of(path), joliet_path=f"/{path}")
        _settle_dates(iso)
        out = BytesIO()
        iso.write_fp(out)
        image = bytearray(out.getvalue())
        for descriptor in (*iso.pvds, *iso.svds):  # the library stamps this one as it writes
            start = descriptor.extent_location() * _BLOCK + _MODIFIED
            image[start : start + len(_VOLUME_DATE)] = _VOLUME_DATE
    finally:
        iso.close()
    return bytes(image)


def _library() -> Any:
    try:
        import pycdlib
    except ImportError:
        remedy = "Install the extra: pip install 'optimux[guest]' (Debian: python3-pycdlib)."
        raise OptimuxError(f"the library that writes the guest's medium is missing: pycdlib. {remedy}") from None
    return pycdlib


def _check(files: Mapping[str, bytes]) -> None:
    seen: dict[str, str] = {}
    for path in sorted(files):
        for part in path.split("/"):
            if not part or part in (".", "..") or _FORBIDDEN.search(part) or len(part) > _LONGEST:
                raise OptimuxError(
                    f"{path!r} cannot be a name on the medium: 1 to {_LONGEST} characters without *:;?\\"
                )
        if (other := seen.setdefault(path.lower(), path)) != path:
            raise OptimuxError(f"{path!r} and {other!r} are one file to Windows")


def _folders(files: Mapping[str, bytes]) -> list[str]:
    """Every folder of the paths, parents first."""
    parents = {
        "/".join(parts[:depth]) for path in files for parts in [path.split("/")] for depth in range(1, len(parts))
    }
    return sorted(parents)


class _ShortNames:
    """ISO 9660's own names: upper case, eight and three; a number tells those apart that would be one."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._folders: dict[str, str] = {"": ""}

    def of(self, path: str, *, is_folder: bool = False) -> str:
        parent, _, name = path.rpartition("/")
        stem, _, suffix = name.rpartition(".") if not is_folder and "." in name else (name, "", "")
        base, end = _plain(stem)[:8] or "_", _plain(suffix)[:3]
        number = 0
        while True:
            tail = f"_{number}" if number else ""
            short = f"{self._folders[parent]}/{base[: 8 - len(tail)]}{tail}" + (f".{end}" if not is_folder else "")
            if short not in self._taken:
                break
            number += 1
        self._taken.add(short)
        if is_folder:
            self._folders[path] = short
            return short
        return f"{short};1"


def _plain(text: str) -> str:
    return re.sub(r"[^A-Z0-9_]", "_", text.upper())


def _settle_dates(iso: Any) -> None:
    from pycdlib.dates import DirectoryRecordDate, VolumeDescriptorDate

    for record in _records(iso):
        record.date = DirectoryRecordDate()
        record.date.parse(_RECORD_DATE)
    for descriptor in (*iso.pvds, *iso.svds):
        for name in ("creation", "effective"):
            date = VolumeDescriptorDate()
            date.parse(_VOLUME_DATE)
            setattr(descriptor, f"volume_{name}_date", date)


def _records(iso: Any) -> Iterator[Any]:
    """Every directory record of both trees, the roots in the descriptors among them."""
    pending = [descriptor.root_directory_record() for descriptor in (*iso.pvds, *iso.svds)]
    while pending:
        record = pending.pop()
        yield record
        pending.extend(record.children)
