"""Texts that are kept to the letter: a file of sections, each of which one test compares with what it found."""

from __future__ import annotations

import fcntl
import os
import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_HEAD = re.compile(r"^==== (.*)$", re.MULTILINE)


def sections(file: Path) -> dict[str, str]:
    """The texts by their headings; none where there is no file."""
    return _sections(file.read_text(encoding="utf-8") if file.exists() else "")


@cache  # hundreds of tests compare a section of one file each
def _sections(text: str) -> dict[str, str]:
    parts = _HEAD.split(text)
    return dict(zip(parts[1::2], (part.strip("\n") for part in parts[2::2]), strict=True))


def compare(file: Path, heading: str, found: str, *, update: bool) -> None:
    """Fail where the section says something else, or is missing; ``update`` writes it instead."""
    found = found.strip("\n")
    if update:
        folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            kept = sections(file) | {heading: found}
            text = "\n".join(f"==== {name}\n{kept[name]}\n" for name in sorted(kept))
            file.write_text(text, encoding="utf-8")
        finally:
            os.close(folder)
    known = sections(file)
    assert heading in known, f"nothing is kept of {heading}: --update-golden"
    assert found.splitlines() == known[heading].splitlines()
