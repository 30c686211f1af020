"""The files of an image, read by their Joliet names."""

from __future__ import annotations

from io import BytesIO

import pycdlib


def read_joliet(image: bytes) -> dict[str, bytes]:
    """Path to content."""
    iso = pycdlib.PyCdlib()
    iso.open_fp(BytesIO(image))
    found = {}
    for folder, _, names in iso.walk(joliet_path="/"):
        for name in names:
            content = BytesIO()
            path = f"{folder.rstrip('/')}/{name}"
            iso.get_file_from_iso_fp(content, joliet_path=path)
            found[path.lstrip("/")] = content.getvalue()
    iso.close()
    return found
