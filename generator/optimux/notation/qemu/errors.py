"""What QEMU would not read."""

from __future__ import annotations


class UnreadableError(ValueError):
    """An option's value that QEMU refuses, or that this reader does not understand; the text is the reason."""
