"""What a person answered, or would have by Enter, and what an existing domain brings."""

from __future__ import annotations

from typing import Any

from optimux.record import Record
from optimux.sizes import Size


class Existing(Record):
    """A domain that is there: its name, its disks as options, its first MAC address."""

    name: str
    disks: tuple[dict[str, Any], ...]
    mac: str | None = None


class Answers(Record):
    """The choices: the guest's memory; a disk by path, ``None`` for an image yet to be made; a domain to take over."""

    memory: Size
    disk: str | None = None
    existing: Existing | None = None
