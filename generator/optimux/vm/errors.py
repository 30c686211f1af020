"""What goes wrong around QEMU, told with the evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimux.errors import OptimuxError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_TAIL_LINES = 12
_LINE_LENGTH = 300


class VmError(OptimuxError):
    """What happened, what to do about it, and ``evidence``: titles with their lines."""

    def __init__(
        self, message: str, remedy: str, evidence: Iterable[tuple[str, str]] = (), folder: Path | None = None
    ) -> None:
        self.message, self.remedy, self.evidence, self.folder = message, remedy, tuple(evidence), folder
        super().__init__("\n".join(filter(None, (f"{message}. {remedy}", self.details))))

    @property
    def details(self) -> str:
        """The evidence for a reader."""
        return "\n".join(f"  {title}:\n{_indented(text)}" for title, text in self.evidence if text.strip())


class AcceleratorFailed(VmError):  # noqa: N818 - it names what failed, not a mistake of the caller
    """The guest died in the accelerator, through no fault of the guest: another accelerator may run it."""


class Crashed(VmError):  # noqa: N818 - it names the state
    """A signal ended QEMU: the emulator itself is at fault, or somebody killed it."""


class Silent(VmError):  # noqa: N818 - it names the state
    """What was waited for did not come in time."""


def tail(text: str, lines: int = _TAIL_LINES) -> str:
    """The last lines of a log."""
    return "\n".join(_shortened(line) for line in text.replace("\r", "").rstrip().splitlines()[-lines:])


def _shortened(line: str) -> str:
    return line if len(line) <= _LINE_LENGTH else f"{line[:_LINE_LENGTH]}…"


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())
