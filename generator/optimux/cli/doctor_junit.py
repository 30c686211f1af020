"""The report as JUnit's XML, which build servers read: a test case a result, a class a group of checks.

What cannot be seen is a skipped case: a server shows it apart from what holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import quoteattr

from optimux.judge.finding import BROKEN, UNSEEN

if TYPE_CHECKING:
    from optimux.host.doctor.check import Result
    from optimux.host.doctor.findings import Report


def junit(report: Report) -> str:
    """The document, with a line end."""
    counts = f'tests="{len(report.results)}" failures="{len(report.broken)}" errors="0" skipped="{len(report.unseen)}"'
    cases = "".join(map(_case, report.results))
    suite = f"<testsuite name={_attribute(f'optimux doctor: {report.machine}')} {counts}>\n{cases}</testsuite>\n"
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites {counts}>\n{suite}</testsuites>\n'


def _case(result: Result) -> str:
    name = f"{result.wanted} [{result.subject}]" if result.subject else result.wanted
    opening = f"  <testcase classname={_attribute(f'doctor.{result.key}')} name={_attribute(name)}"
    where = f" ({result.where})" if result.where else ""
    if result.outcome == BROKEN:
        advice = " ".join(word for word in (result.remedy, result.command) if word)
        said = f"<failure message={_attribute(f'{result.seen}{where}')}>{_text(f'{result.why} {advice}')}</failure>"
    elif result.outcome == UNSEEN:
        said = f"<skipped message={_attribute(f'{result.seen}{where}')}/>"
    else:
        said = f"<system-out>{_text(f'{result.seen}{where}')}</system-out>"
    return f"{opening}>{said}</testcase>\n"


def _text(text: str) -> str:
    from xml.sax.saxutils import escape

    return escape(_allowed(text))


def _attribute(text: str) -> str:
    return quoteattr(_allowed(text))


def _allowed(text: str) -> str:
    """XML 1.0 has no control characters, halves of surrogate pairs, or U+FFFE."""
    return "".join(char if char.isprintable() or char == " " else "\ufffd" for char in text)
