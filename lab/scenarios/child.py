"""What is done in a child that may be killed while it does it."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def ends(act: Callable[[], object]) -> bool:
    """Whether it came to its end, and not to a SIGKILL. Raises ``AssertionError`` for any other end."""
    child = os.fork()
    if child == 0:
        try:
            act()
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert status in (0, signal.SIGKILL), status
    return status == 0
