"""Many files onto the disk at once: a file system joins what is synced together, where one by one each waits."""

from __future__ import annotations

import os
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_THREADS = 8


def flush(descriptors: Sequence[int]) -> None:
    """fsync(2) all. Raises the first ``OSError``."""
    errors: list[OSError] = []

    def each(share: Sequence[int]) -> None:
        for descriptor in share:
            try:
                os.fsync(descriptor)
            except OSError as error:
                errors.append(error)

    threads = [Thread(target=each, args=(descriptors[start::_THREADS],)) for start in range(_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
