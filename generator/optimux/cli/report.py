"""What a person reads on standard error, and the exit code that a program reads."""

from __future__ import annotations

import contextlib
import os
import sys

import click

from optimux.cli.text import shown
from optimux.errors import InvalidInput, OptimuxError, Problem

# What is wrong more often than this is not the configuration that was meant.
MOST_SHOWN = 100
DONE, FAILED, INVALID, INTERRUPTED = 0, 1, 2, 130


def report_error(error: BaseException, *, debug: bool = False) -> int:
    """Print an error in the user's words, with ``debug`` its traceback first; the exit code for it."""
    if debug and not isinstance(error, SystemExit):
        import traceback

        traceback.print_exception(error)
    if isinstance(error, InvalidInput):
        count = error.count
        say(f"invalid input, {count} problem{'s' if count != 1 else ''}; nothing was written", "error")
        for problem in error.problems[:MOST_SHOWN]:
            say(_paragraph(problem))
        if count > MOST_SHOWN:
            say(f"  and {count - MOST_SHOWN} more problems")
        return INVALID
    if isinstance(error, OptimuxError):
        say(f"{error}", "error")
        return FAILED
    if isinstance(error, click.ClickException):
        error.show()
        return INVALID
    return _report_other(error)


def _report_other(error: BaseException) -> int:
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else FAILED
    if isinstance(error, KeyboardInterrupt | click.Abort | EOFError):
        say("interrupted")
        return INTERRUPTED
    if isinstance(error, BrokenPipeError):
        _discard_output()
        return FAILED
    if isinstance(error, OSError):
        where = f": {os.fsdecode(error.filename)}" if isinstance(error.filename, str | bytes) else ""
        say(f"{error.strerror or error}{where}", "error")
        if error.filename is None:
            _discard_output()
        return FAILED
    say(f"{type(error).__name__}: {error}. This is a defect of Optimux; see `optimux --debug …`.", "error")
    return FAILED


def _discard_output() -> None:
    """The reader has gone, or the disk is full: keep the interpreter from failing again when it flushes at exit."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def report_warnings(warnings: tuple[Problem, ...]) -> None:
    """Print what merely surprises."""
    for warning in warnings:
        say(f"{_paragraph(warning).strip()}", "warning")


def _paragraph(problem: Problem) -> str:
    where = f"{problem.path}: " if problem.path else ""
    return f"  {where}found {problem.found}\n      allowed: {problem.allowed}\n      {problem.remedy}"


def say(text: str, label: str = "") -> None:
    """One message on standard error, if anybody listens; nothing in the text steers a terminal."""
    with contextlib.suppress(OSError):
        print(f"{_coloured(label)}: {shown(text)}" if label else shown(text), file=sys.stderr, flush=True)


def _coloured(text: str) -> str:
    code = "33;1" if text == "warning" else "31;1"
    drawn = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    return f"\x1b[{code}m{text}\x1b[0m" if drawn else text
