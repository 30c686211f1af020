"""The list of what Optimux wrote to a folder: ``.optimux.json``, with the SHA-256 of each file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from optimux.errors import OptimuxError
from optimux.files.state import look
from optimux.record import Record

if TYPE_CHECKING:
    from optimux.files.directory import Directory

INDEX = ".optimux.json"


class Index(Record):
    """Digests by relative path; ``replaced`` has the older ones when a write was cut short."""

    files: Mapping[str, str]
    replaced: Mapping[str, tuple[str, ...]]

    @property
    def paths(self) -> tuple[str, ...]:
        """Every path that Optimux wrote."""
        return tuple(dict.fromkeys((*self.files, *self.replaced)))

    def holds(self, path: str, digest: str | None) -> bool:
        """Whether Optimux wrote just these bytes there."""
        return digest is not None and digest in self.digests_of(path)

    def digests_of(self, path: str) -> tuple[str, ...]:
        """What Optimux wrote there, newest first."""
        own = (self.files[path],) if path in self.files else ()
        return (*own, *self.replaced.get(path, ()))

    def encoded(self) -> bytes:
        """The file's content."""
        data: dict[str, Any] = {"files": dict(self.files)}
        if self.replaced:
            data["replaced"] = {path: list(digests) for path, digests in self.replaced.items()}
        return (json.dumps(data, indent=2, sort_keys=True) + "\n").encode()


def read_index(folder: Directory) -> Index:
    """The index of ``folder``, empty where there is none. Raises ``OptimuxError`` for a damaged one."""
    try:
        state = look(folder, INDEX)
        if state is None:
            return Index({}, {})
        if state.link is not None:
            raise ValueError
        data = json.loads(state.content.decode())
        files = {path: text for path, text in data["files"].items() if is_inside(path) and isinstance(text, str)}
        replaced = {path: tuple(texts) for path, texts in data.get("replaced", {}).items() if is_inside(path)}
        return Index(files, replaced)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise OptimuxError(
            f"{folder.path / INDEX} is damaged. Remove it: every file there then counts as yours."
        ) from None


def digest(content: bytes) -> str:
    """The SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def is_inside(path: str) -> bool:
    """Whether a relative path stays in its folder: an index that somebody else wrote must not lead out of it."""
    return path.isprintable() and not {"", ".", ".."} & set(path.split("/"))
