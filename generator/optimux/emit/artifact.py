"""What emitters return: files of the bundle, and entries for the host with how each gets into its place."""

from __future__ import annotations

from optimux.record import Record


class Artifact(Record):
    """A file of the bundle: relative path with forward slashes, bytes, permission bits."""

    path: str
    content: bytes
    mode: int = 0o644


class HostFile(Record):
    """A file on the host that is ours alone, at an absolute path."""

    path: str
    content: str | bytes
    purpose: str
    mode: int = 0o644
    owner: str = "root:root"

    @property
    def data(self) -> bytes:
        """The content as bytes."""
        return self.content if isinstance(self.content, bytes) else self.content.encode()


class HostLines(Record):
    """Lines to merge into a file that the distribution or the user owns.

    ``lines`` are without line ends. ``anchor`` is a regular expression in multi-line mode: what it matches first
    becomes our lines; ``None``, or no match, appends them. With a ``separator`` the anchor matches the part of a line
    before its words, and our words are added to those that stand there. ``emit.merge`` does it. ``how`` tells a person
    the same, in the imperative; with an anchor it names what the anchor matches.
    """

    path: str
    lines: tuple[str, ...]
    anchor: str | None
    purpose: str
    mode: int = 0o644
    owner: str = "root:root"
    separator: str | None = None
    how: str = "append at the end of the file, unless it is there already; the file may not exist yet"


class HostCommand(Record):
    """A shell command to run after the files are in place, or ``first``, and why."""

    command: str
    purpose: str
    first: bool = False


HostEntry = HostFile | HostLines | HostCommand
