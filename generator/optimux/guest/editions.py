"""The editions on a medium of Windows: the names in its image file, sources/install.wim or install.esd.

Both begin with a header of 208 bytes that says where an XML document in UTF-16 describes the images, uncompressed
(Microsoft, "Windows Imaging File Format", WIMHEADER_V1_PACKED). The medium's file system is UDF.
"""

from __future__ import annotations

import contextlib
import struct
from importlib import import_module
from typing import Any

FILES = ("/sources/install.wim", "/sources/install.esd")
MAGIC = b"MSWIM\0\0\0"
HEADER, XML_AT = 208, 72
MOST = 4 << 20


def editions(path: str) -> tuple[str, ...]:
    """The names in the medium's order; none where they cannot be read, or the ISO library is missing."""
    try:
        library = import_module("pycdlib")
    except ImportError:
        return ()
    iso = library.PyCdlib()
    try:
        iso.open(path)
        return next((names for file in FILES if (names := _names(iso, file))), ())
    except Exception:  # the library meets a foreign image: what it cannot read stays unknown
        return ()
    finally:
        with contextlib.suppress(Exception):  # it may never have been open
            iso.close()


def _names(iso: Any, file: str) -> tuple[str, ...]:
    try:
        opened = iso.open_file_from_iso(udf_path=file)
    except Exception:  # this one of the two is not there
        return ()
    with opened as image:
        header = image.read(HEADER)
        if len(header) < HEADER or header[:8] != MAGIC:
            return ()
        size = int.from_bytes(header[XML_AT : XML_AT + 7], "little")
        (start,) = struct.unpack_from("<Q", header, XML_AT + 8)
        if not 0 < size <= MOST:
            return ()
        image.seek(start)
        return _parsed(image.read(size))


def _parsed(document: bytes) -> tuple[str, ...]:
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    root: Any = etree.fromstring(document.decode("utf-16").lstrip("\ufeff").encode(), parser)
    return tuple(name.strip() for image in root.iterfind("IMAGE") if (name := image.findtext("NAME")))
