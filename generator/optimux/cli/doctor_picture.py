"""What ``doctor`` draws for people: the verdict and the next step, then what is broken, unseen, and what holds."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from optimux.cli.text import shown
from optimux.judge.finding import BROKEN, HOLDS, UNSEEN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from optimux.host.doctor.check import Result
    from optimux.host.doctor.findings import Report

LEAST, MOST = 60, 200
COLOURS = {HOLDS: "green", BROKEN: "red", UNSEEN: "yellow"}
SIGNS = {HOLDS: "ok", BROKEN: "broken", UNSEEN: "unseen"}


def draw(report: Report, *, show_all: bool = False, file: object = None) -> None:
    """Print the picture; as wide as the terminal, from 60 to 200 columns, 100 where there is none."""
    console = Console(file=file or sys.stdout, highlight=False, emoji=False)  # type: ignore[arg-type]
    width = console.width if console.is_terminal else 100
    console.width = min(max(width, LEAST), MOST)
    console.print(picture(report, show_all=show_all))


def picture(report: Report, *, show_all: bool = False) -> RenderableType:
    """Everything, what is broken first."""
    parts: list[RenderableType] = [_headline(report)]
    parts += [_broken(result) for result in report.broken]
    if report.unseen:
        parts.append(_rows("Cannot be seen from here", report.unseen))
    holding = report.having(HOLDS)
    if holding:
        parts.append(_rows("Holds", holding) if show_all else _summary(holding))
    if report.harmless:
        parts.append(_harmless(report))
    return Group(*parts)


def _headline(report: Report) -> RenderableType:
    text = Text(shown(report.machine), style="bold")
    by = f"by {report.config}" if report.config else "without a configuration"
    when = ", the boot before this one" if report.previous else ""
    text.append(f"\nLooked at {by}{when}: ", style="dim")
    counts = [f"{len(report.having(outcome))} {word}" for outcome, word in _COUNTED if report.having(outcome)]
    text.append(", ".join(counts) or "nothing to look at")
    if report.broken:
        first = report.broken[0]
        text.append(f"\nNext: {shown(first.remedy)}")
        if first.command:
            text.append(f"\n      {shown(first.command)}", style="bold")
    elif report.unseen:
        text.append("\nNothing seen is broken, but not everything is seen.", style="yellow")
    elif report.results:
        text.append("\nEverything holds.", style="green")
    if not report.config:
        text.append("\noptimux init writes a configuration, which this is then judged by.", style="dim")
    return text


_COUNTED = ((BROKEN, "broken"), (UNSEEN, "unseen"), (HOLDS, "hold"))


def _broken(result: Result) -> RenderableType:
    title = Text(f"\n{SIGNS[BROKEN]}  ", style=COLOURS[BROKEN])
    title.append(_name(result), style="bold")
    table = _table()
    for key, value in _details(result):
        table.add_row(key, Text(shown(value), style="bold" if key == "run" else ""))
    return Group(title, Padding(table, (0, 0, 0, 2)))


def _details(result: Result) -> Iterator[tuple[str, str]]:
    yield "seen", result.seen + (f"  ({result.where})" if result.where else "")
    yield "wanted", result.wanted
    yield "why", result.why
    if result.remedy:
        yield "remedy", result.remedy
    if result.command:
        yield "run", result.command


def _name(result: Result) -> str:
    return shown(f"{result.key}  {result.subject}" if result.subject else result.key)


def _table() -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    return table


def _rows(title: str, results: tuple[Result, ...]) -> RenderableType:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(overflow="fold", style=COLOURS[results[0].outcome], max_width=40)
    table.add_column(overflow="fold")
    for result in results:
        said = result.seen + (f"  ({result.where})" if result.where else "")
        table.add_row(_name(result), Text(shown(said)))
    return Group(Text(f"\n{title}", style="bold"), Padding(table, (0, 0, 0, 2)))


def _summary(holding: tuple[Result, ...]) -> RenderableType:
    """Each check once, however many subjects it has."""
    keys = dict.fromkeys(result.key for result in holding)
    text = Text("\nHolds", style="bold")
    text.append(f"\n  {', '.join(keys)}", style=COLOURS[HOLDS])
    text.append("\n  --all shows what was seen.", style="dim")
    return text


def _harmless(report: Report) -> RenderableType:
    table = _table()
    table.columns[0].no_wrap = False
    for line, why in report.harmless:
        table.add_row(Text(shown(line)), Text(shown(why)))
    return Group(Text("\nHarmless lines of the log", style="bold"), Padding(table, (0, 0, 0, 2)))
