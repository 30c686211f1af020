"""A unified difference, byte for byte as patch(1) reads it; for a person coloured, and harmless to the terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from optimux.cli.text import shown, shown_bytes

if TYPE_CHECKING:
    from optimux.patch.machine.difference import MachineDifference

_COLOURS = {b"+": b"\x1b[32m", b"-": b"\x1b[31m", b"@": b"\x1b[36m"}
_PLAIN = b"\x1b[0m"


def write_difference(before: bytes, after: bytes, name: str, labels: tuple[str, str] = ("", "")) -> None:
    """Print it to standard output; ``labels`` stand before the name in the lines that name the two sides."""
    sys.stdout.flush()
    on_terminal = sys.stdout.isatty()
    coloured = on_terminal and not os.environ.get("NO_COLOR")
    for line in difference(before, after, name, labels):
        said = shown_bytes(line) if on_terminal else line
        sys.stdout.buffer.write(_coloured(said) if coloured else said)
    sys.stdout.buffer.flush()


def write_machine(machine: MachineDifference) -> None:
    """What becomes of the machine, behind the difference of its text: patch(1) reads no further than that."""
    on_terminal = sys.stdout.isatty()
    for line in machine.lines():
        text = f"# {shown(line) if on_terminal else line}\n"
        sys.stdout.buffer.write(text.encode(errors="backslashreplace"))
    sys.stdout.buffer.flush()


def difference(before: bytes, after: bytes, name: str, labels: tuple[str, str] = ("", "")) -> Iterator[bytes]:
    """The lines of the difference; what has no lines of bytes is named alone."""
    if before == after:
        return
    if b"\0" in before or b"\0" in after:
        yield f"Binary file {name} differs: {len(before)} and {len(after)} bytes\n".encode(errors="surrogateescape")
        return
    import difflib  # only what differs pays for it

    old, new = (os.fsencode(label + name) for label in labels)
    for line in difflib.diff_bytes(difflib.unified_diff, _lines(before), _lines(after), old, new):
        yield line if line.endswith(b"\n") else line + b"\n\\ No newline at end of file\n"


def _lines(document: bytes) -> list[bytes]:
    """Lines that end in LF: a lone CR ends no line for patch(1)."""
    parts = document.split(b"\n")
    return [part + b"\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def _coloured(line: bytes) -> bytes:
    colour = _COLOURS.get(line[:1])
    if colour is None:
        return line
    end = b"\r\n" if line.endswith(b"\r\n") else b"\n"
    return colour + line.removesuffix(end) + _PLAIN + end
