"""The journal: what an apply is about to do, on the disk before it does it, with all that it takes to undo it.

``/var/lib/optimux/journal/N.json`` is one apply. It is replaced as a whole, so it is never half-written; a digest tells
damage. A file that it speaks of is either what it was or what it was to become, so where a killed run stopped is seen
by looking; of commands the journal says which ended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from optimux.errors import OptimuxError
from optimux.files.state import Metadata, State
from optimux.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optimux.emit.artifact import Step
    from optimux.files.root import Root

FOLDER = "/var/lib/optimux/journal"
_MOST = 1 << 16
_PRIVATE = 0o600  # the user's files may be for root alone

# Begun: something may be missing yet. Undoing: something may be there still.
Stage = Literal["begun", "applied", "undoing", "undone"]


class FileChange(Record):
    """One path before and after; ``folders`` are made for it, outermost first."""

    path: str
    before: State | None
    after: State | None
    folders: tuple[str, ...] = ()
    step: Step = "files"


class CommandRun(Record):
    """A command, what takes it back, and whether it ended well.

    ``after``: the paths that it takes into use. Such a command has no other undo than to run again. ``offline``: it
    works on a system that does not run.
    """

    command: str
    step: Step
    undo: str = ""
    after: tuple[str, ...] = ()
    offline: bool = False
    ended: bool = False

    @property
    def boots(self) -> bool:
        """Whether the next boot depends on what it writes."""
        return self.step in ("boot-loader", "initramfs")


class DomainChange(Record):
    """A VM in libvirt; ``before`` is ``None`` where libvirt did not know it, ``after`` until it is known to be defined.

    ``told`` is what libvirt is given, of which it makes what it keeps.
    """

    name: str
    before: str | None
    after: str | None = None
    uri: str | None = None
    told: str | None = None


class Transaction(Record):
    """One apply. ``at`` is UTC; ``digest`` is that of the configuration."""

    number: int
    at: str
    version: str
    digest: str
    stage: Stage = "begun"
    files: tuple[FileChange, ...] = ()
    commands: tuple[CommandRun, ...] = ()
    domains: tuple[DomainChange, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether a run was cut off in it."""
        return self.stage in ("begun", "undoing")


def transactions(root: Root) -> tuple[Transaction, ...]:
    """All, oldest first. Raises ``OptimuxError`` for one that is damaged, or that others than root may have written."""
    return tuple(_read_all(root))


def save(root: Root, transaction: Transaction) -> None:
    """On the disk when it returns; or, with ``OptimuxError``, as it was before."""
    root.write(_path(transaction.number), encoded(transaction), Metadata(_PRIVATE))


def _path(number: int) -> str:
    return f"{FOLDER}/{number}.json"


def _read_all(root: Root) -> Iterator[Transaction]:
    for number in range(1, _MOST):
        state = root.look(_path(number))
        if state is None:
            return
        yield _read(number, state)


def _read(number: int, state: State) -> Transaction:
    if not state.is_ours:
        raise OptimuxError(f"{_path(number)} may have been written by others: it is not trusted. {_REMEDY}")
    try:
        return _decoded(state.content)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise OptimuxError(f"{_path(number)} is damaged, or was changed by hand. {_REMEDY}") from None


_REMEDY = (
    "Nothing was changed. Bring it back from a backup, or move /var/lib/optimux/journal away: apply then starts anew, "
    "and what was done before cannot be undone by rollback."
)


def encoded(transaction: Transaction) -> bytes:
    """JSON, and its digest in a line of its own."""
    import json

    body = json.dumps(_plain(transaction), ensure_ascii=True).encode()
    return body + b"\n" + _digest(body) + b"\n"


def _decoded(content: bytes) -> Transaction:
    import json

    body, digest, rest = content.split(b"\n")
    if rest or _digest(body) != digest:
        raise ValueError(digest)
    data = json.loads(body)
    files = tuple(
        FileChange(f["path"], _state(f["before"]), _state(f["after"]), tuple(f["folders"]), f["step"])
        for f in data.pop("files")
    )
    commands = tuple(CommandRun(**c | {"after": tuple(c["after"])}) for c in data.pop("commands"))
    domains = tuple(DomainChange(**d) for d in data.pop("domains"))
    return Transaction(**data, files=files, commands=commands, domains=domains)


def _digest(body: bytes) -> bytes:
    import hashlib

    return hashlib.sha256(body).hexdigest().encode()


def _plain(value: Any) -> Any:
    """A record as JSON has it; bytes in base64."""
    import base64

    if isinstance(value, Record):
        return {name: _plain(getattr(value, name)) for name in value._fields}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def _state(data: dict[str, Any] | None) -> State | None:
    import base64

    if data is None:
        return None
    held = data["metadata"]
    attributes = {key: base64.b64decode(value) for key, value in held["attributes"].items()}
    times = tuple(held["times"]) if held["times"] else None
    metadata = Metadata(held["mode"], held["owner"], held["group"], attributes, times)
    return State(base64.b64decode(data["content"]), metadata, data["link"])
