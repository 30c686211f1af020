"""A file's word as one of those that a fact may have."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from optimux.declare import Choice

W = TypeVar("W", bound=str)


def known(choice: Choice[W], text: str | None) -> W | None:
    """The word where it is one of the choice's, else ``None``: nothing is concluded from others."""
    return next((word for word in choice.words if word == text), None)
