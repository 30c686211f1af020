"""What some tests need of the machine: a skip names what is missing."""

from __future__ import annotations

import os
import pty

import pytest


def root(what: str) -> None:
    """Skip where this is not root, for ``what`` a user namespace does not allow."""
    if os.geteuid():
        pytest.skip(f"{what} takes root")


def terminal() -> tuple[int, int]:
    """Both ends of a pseudoterminal."""
    try:
        return pty.openpty()
    except OSError as error:
        pytest.skip(f"no pseudoterminal: {error}")
