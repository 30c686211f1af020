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

    ``anchor`` is a regular expression for the line that ours replace or extend (the first that matches), ``None``
    appends. ``lines`` are without line ends.
    """

    path: str
    lines: tuple[str, ...]
    anchor: str | None
    purpose: str
    mode: int = 0o644
    owner: str = "root:root"


class HostCommand(Record):
    """A shell command to run after the files are in place, and why."""

    command: str
    purpose: str


HostEntry = HostFile | HostLines | HostCommand
