"""``apply`` as a shell script, for who may not become root by this program."""

from __future__ import annotations

import base64
from shlex import quote
from typing import TYPE_CHECKING

import click

from optimux.emit.artifact import HostFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optimux.host.apply.prepare import Change
    from optimux.host.apply.survey import Survey

_HEAD = """\
#!/bin/sh
# Written by Optimux: what `optimux apply` would do here. Run it as root. It keeps no journal.
set -eu
"""
_WIDTH = 100


def print_script(found: Survey) -> None:
    """On standard output."""
    click.echo(_HEAD + "".join(_lines(found)), nl=False)


def _lines(found: Survey) -> Iterator[str]:
    if found.missing:
        yield f"\n# installs what the VMs need\n{found.missing.install}\n"
    for change in found.prepared.changes:
        yield from _file(change)
    for entry in found.prepared.unreadable:
        yield f"\n# {entry.purpose}\n"
        if isinstance(entry, HostFile):
            yield _written(entry.path, entry.data, entry.mode)
        else:
            yield f"# In {entry.path}, {entry.how}:\n" + "".join(f"#   {line}\n" for line in entry.lines)
            yield f"echo {quote(f'by hand, see the script: {entry.path}')} >&2\n"
    for command in found.prepared.commands:
        yield f"\n# {command.purpose}\n{command.command}\n"


def _file(change: Change) -> Iterator[str]:
    file = change.file
    yield f"\n# {change.purpose}\n"
    if file.after is None:
        yield f"rm -f {quote(file.path)}\n"
        return
    if file.before is not None:
        yield _unchanged(file.path, file.before.content)
    yield _written(file.path, file.after.content, file.after.metadata.mode)


def _unchanged(path: str, content: bytes) -> str:
    """Stop where the file is no longer what the new content was made from."""
    import hashlib

    line = quote(f"{hashlib.sha256(content).hexdigest()}  {path}")
    return f"echo {line} | sha256sum --check --quiet\n"


def _written(path: str, content: bytes, mode: int) -> str:
    text = base64.b64encode(content).decode()
    body = "\n".join(text[start : start + _WIDTH] for start in range(0, len(text), _WIDTH))
    name = quote(path)
    folder = quote(path.rpartition("/")[0] or "/")
    return (
        f"mkdir -p {folder}\nbase64 -d >{name}.optimux-new <<'END'\n{body}\nEND\n"
        f"chmod {mode:04o} {name}.optimux-new\nmv -f {name}.optimux-new {name}\n"
    )
