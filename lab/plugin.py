"""What every test gets from the laboratory: a consumer that this machine has not is a skip that says why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Generator


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, None, None]:
    """A fixture that cannot be had skips every test that wants it."""
    yield from _skipping()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """The same for what a test itself asks for."""
    yield from _skipping()


def _skipping() -> Generator[None, None, None]:
    try:
        return (yield)
    except Unavailable as reason:
        pytest.skip(str(reason))
