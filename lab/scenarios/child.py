"""What is done in a child: until it is killed while it does it, or no more needed."""

from __future__ import annotations

import contextlib
import os
import signal
import traceback
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


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


@contextlib.contextmanager
def staying(act: Callable[[], str]) -> Iterator[tuple[int, str]]:
    """One that stays as it is after the act, until the block ends: its number, and what the act said, or nothing.

    Another Python would take an emulated machine a third of a second to start.
    """
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(theirs, f"{act()}\n".encode())
            signal.pause()
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    os.close(theirs)
    try:
        with open(ours, encoding="utf-8") as words:  # noqa: PTH123 - a descriptor has no path
            said = words.readline().strip()
        yield child, said
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
