"""Which concern of ``patch`` applies a key of a VM: ``patch_keys.toml``, for the concerns and the reference page."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, Literal

from optimux.record import Record
from optimux.shipped import shipped_table

_POSITION = re.compile(r"\[\d*\]|\.<name>")


class Fate(Record):
    """What becomes of a key: ``word`` is the concern's name, or the reason for which it is left."""

    kind: Literal["concern", "left", "elsewhere"]
    word: str


@cache
def _table() -> dict[str, Fate]:
    data: dict[str, Any] = shipped_table("patch_keys.toml")
    found = {key: Fate("concern", name) for name, keys in data["concerns"].items() for key in keys}
    found |= {key: Fate("left", reason) for key, reason in data["left"].items()}
    return found | {key: Fate("elsewhere", "") for key in data["elsewhere"]["keys"]}


def fate_of(path: str) -> Fate:
    """What becomes of the key at ``path`` below ``vms.<name>``. Raises ``KeyError`` for a key that nothing names."""
    words = _POSITION.sub("", path).split(".")
    for length in range(len(words), 0, -1):
        if (fate := _table().get(".".join(words[:length]))) is not None:
            return fate
    raise KeyError(path)
