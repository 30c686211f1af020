"""What emitters return: files of the bundle, and entries for the host with how each gets into its place."""

from __future__ import annotations

from typing import Literal, get_args

from optimux.record import Record

# The parts of an installation, in their order.
Step = Literal[
    "packages", "files", "lines", "groups", "modules", "tables", "services", "boot-loader", "initramfs", "domains"
]
STEPS: tuple[Step, ...] = get_args(Step)


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
    step: Step = "files"

    @property
    def data(self) -> bytes:
        """The content as bytes."""
        return self.content if isinstance(self.content, bytes) else self.content.encode()


class HostLines(Record):
    """Lines to merge into a file that the distribution or the user owns; a ``*`` in the path's last name stands for
    each file that is there.

    ``lines`` are without line ends. ``anchor`` is a regular expression in multi-line mode: what it matches first
    becomes our lines; ``None``, or no match, appends them. With a ``separator`` the anchor matches the part of a line
    before its words, and our words are added to those that stand there. With ``items`` the anchor's match may be a
    list in brackets that is in force: it is only completed by those. ``emit.merge`` does it. ``how`` tells a person
    the same, in the imperative; with an anchor it names what the anchor matches. A missing file ``begins`` empty, or
    with the words that the running kernel was started with. A file in which ``only_where`` matches nothing stays.
    """

    path: str
    lines: tuple[str, ...]
    anchor: str | None
    purpose: str
    mode: int = 0o644
    owner: str = "root:root"
    separator: str | None = None
    how: str = "append at the end of the file, unless it is there already; the file may not exist yet"
    items: tuple[str, ...] = ()
    only_where: str = ""
    begins: Literal["", "running-command-line"] = ""
    step: Step = "lines"


class HostCommand(Record):
    """A shell command to run after the files are in place, or ``first``, and why.

    ``after`` are the paths that it takes into use: it is due when one of them changed, and again when they are put
    back. ``unless`` is a shell test that succeeds where there is nothing to do; ``undo`` takes back what the command
    did. ``offline`` says that it works on a system that does not run, from within. ``by_hand``: who writes the files
    for the user does the same without it. A command that adds ``words`` says how to see one (``has_word``) and how to
    take one back (``undo_word``), each with ``{}`` for it: words that are there before stay when it is undone.
    """

    command: str
    purpose: str
    first: bool = False
    step: Step = "services"
    after: tuple[str, ...] = ()
    unless: str = ""
    undo: str = ""
    offline: bool = False
    by_hand: bool = False
    words: tuple[str, ...] = ()
    has_word: str = ""
    undo_word: str = ""


HostEntry = HostFile | HostLines | HostCommand
