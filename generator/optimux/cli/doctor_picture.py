"""What ``doctor`` draws for people: the verdict and the next step, then what is broken, unseen, and what holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from optimux.cli.drawing import show
from optimux.cli.text import shown
from optimux.judge.finding import BROKEN, HOLDS, UNSEEN, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from optimux.host.doctor.check import Result
    from optimux.host.doctor.findings import Report

COLOURS = {HOLDS: "green", BROKEN: "red", UNSEEN: "yellow"}
SIGNS = {HOLDS: "ok", BROKEN: "broken", UNSEEN: "unseen"}


def draw(report: Report, *, show_all: bool = False, file: object = None) -> None:
    """Print the picture."""
    show(picture(report, show_all=show_all), file)


def picture(report: Report, *, show_all: bool = False) -> RenderableType:
    """Everything, what is broken first."""
    parts: list[RenderableType] = [_headline(report)]
    parts += map(_broken, _together(report.broken, "key", "wanted", "remedy", "command"))
    if report.unseen:
        parts.append(_unseen(report.unseen))
    holding = report.having(HOLDS)
    if holding:
        parts.append(_holding(holding) if show_all else _summary(holding))
    if report.harmless:
        parts.append(_harmless(report))
    return Group(*parts)


def _headline(report: Report) -> RenderableType:
    text = Text()
    text.append(shown(report.machine), style="bold")
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


_COUNTED: tuple[tuple[Outcome, str], ...] = ((BROKEN, "broken"), (UNSEEN, "unseen"), (HOLDS, "hold"))


def _broken(results: tuple[Result, ...]) -> RenderableType:
    """One check; its subjects with what was seen of each, then what all have in common."""
    title = Text(f"\n{SIGNS[BROKEN]}  ", style=COLOURS[BROKEN])
    title.append(shown(results[0].key), style="bold")
    table = _table()
    for result in results:
        subject = f"{result.subject}: " if result.subject and result.subject != result.where else ""
        table.add_row("seen", Text(shown(f"{subject}{result.seen}{_where(result)}")))
    for key, value in _common(results[-1]):
        table.add_row(key, Text(shown(value), style="bold" if key == "run" else ""))
    return Group(title, Padding(table, (0, 0, 0, 2)))


def _common(result: Result) -> Iterator[tuple[str, str]]:
    yield "wanted", result.wanted
    yield "why", result.why
    if result.remedy:
        yield "remedy", result.remedy
    if result.command:
        yield "run", result.command


def _where(result: Result) -> str:
    return f"  ({result.where})" if result.where else ""


def _together(results: tuple[Result, ...], *alike: str) -> list[tuple[Result, ...]]:
    """Results that agree in some fields, in the order of the first of each."""
    groups: dict[tuple[str, ...], list[Result]] = {}
    for result in results:
        groups.setdefault(tuple(getattr(result, name) for name in alike), []).append(result)
    return [tuple(group) for group in groups.values()]


def _name(result: Result) -> str:
    return shown(f"{result.key} {result.subject}" if result.subject else result.key)


def _table() -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    return table


def _unseen(results: tuple[Result, ...]) -> RenderableType:
    """By the reason: what keeps one from being seen often keeps others too."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(overflow="fold", style=COLOURS[UNSEEN], ratio=2)
    table.add_column(overflow="fold", ratio=3)
    for group in _together(results, "seen", "command"):
        places = dict.fromkeys(result.where for result in group if result.where)
        said = Text(shown(group[0].seen + (f"  ({next(iter(places))})" if len(places) == 1 else "")))
        if advice := " ".join(word for word in (group[0].remedy, group[0].command) if word):
            said.append(f"\n{shown(advice)}", style="bold")
        table.add_row(Text(", ".join(dict.fromkeys(map(_name, group)))), said)
    return Group(Text("\nCannot be seen from here", style="bold"), Padding(table, (0, 0, 0, 2)))


def _holding(results: tuple[Result, ...]) -> RenderableType:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(overflow="fold", style=COLOURS[HOLDS], max_width=40)
    table.add_column(overflow="fold")
    for result in results:
        table.add_row(_name(result), Text(shown(f"{result.seen}{_where(result)}")))
    return Group(Text("\nHolds", style="bold"), Padding(table, (0, 0, 0, 2)))


def _summary(holding: tuple[Result, ...]) -> RenderableType:
    """Each check once, however many subjects it has."""
    keys = dict.fromkeys(result.key for result in holding)
    text = Text(", ".join(keys), style=COLOURS[HOLDS])
    text.append("\n--all shows what was seen.", style="dim")
    return Group(Text("\nHolds", style="bold"), Padding(text, (0, 0, 0, 2)))


def _harmless(report: Report) -> RenderableType:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(overflow="fold", style="dim")
    table.add_column(overflow="fold")
    for line, why in report.harmless:
        table.add_row(Text(shown(line)), Text(shown(why)))
    return Group(Text("\nHarmless lines of the log", style="bold"), Padding(table, (0, 0, 0, 2)))
