"""The files of ACPI tables that a domain names, read where they lie on this machine."""

from __future__ import annotations

import os
import stat
from functools import cache

# No firmware comes near it.
_LIMIT = 4 << 20


@cache
def read_table(path: str) -> bytes | None:
    """The bytes of a regular file of at most 4 MiB; ``None`` for what is missing, no file, or not to be read."""
    if not path.startswith("/") or "\0" in path:
        return None
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_size > _LIMIT:
            return None
        try:
            return file.read(_LIMIT)
        except OSError:
            return None
