"""Files of ACPI tables, read where a domain names them on this machine."""

from __future__ import annotations

import os
import stat

from optimux.files.read import at_once

# No firmware comes near it: the largest tables hold some hundred KiB.
MOST_TABLE = 4 << 20


def read_table(path: str) -> bytes | None:
    """The bytes of a regular file of at most 4 MiB; ``None`` for what is missing, no file, or not to be read."""
    if not path.startswith("/") or "\0" in path:
        return None
    try:
        descriptor = at_once(path, os.O_RDONLY)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_size > MOST_TABLE:
            return None
        try:
            return file.read(MOST_TABLE)
        except OSError:
            return None
