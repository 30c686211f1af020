"""``optimux doctor``: each precondition of the plan, looked at on the machine as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from optimux.cli.report import DONE, FAILED
from optimux.cli.verb import Verb

if TYPE_CHECKING:
    from optimux.host.doctor.findings import Report

EXAMPLES = """\b
Examples:
  sudo optimux doctor                        this machine, by ./optimux.toml or what apply keeps
  optimux doctor optimux.toml --json         for a program
  optimux doctor --junit > doctor.xml        for a build server
  optimux doctor --previous-boot             what the log says of the boot before
  optimux doctor --root recorded/            a recorded tree: a folder, or a tar of one

\b
Exit codes: 0 nothing is broken, 1 something is, 2 invalid input. What cannot be seen from here is said, and counts as
broken with --strict alone.
"""


@click.command("doctor", cls=Verb, epilog=EXAMPLES)
@click.argument("config", required=False)
@click.option("--vm", metavar="NAME", help="Only this VM of CONFIG, and what QEMU and its guest say of it.")
@click.option("--json", "as_json", is_flag=True, help="Print every check as JSON.")
@click.option("--junit", "as_junit", is_flag=True, help="Print every check as a JUnit test case.")
@click.option("--root", metavar="DIR", help="Read a recorded tree, a folder or a tar, and nothing of this machine.")
@click.option("--previous-boot", is_flag=True, help="What the kernel's log says of the boot before this one.")
@click.option("--all", "show_all", is_flag=True, help="Show each check that holds too, not their number alone.")
@click.option("--strict", is_flag=True, help="Exit 1 also where something cannot be seen.")
def command(
    config: str | None,
    vm: str | None,
    as_json: bool,
    as_junit: bool,
    root: str | None,
    previous_boot: bool,
    show_all: bool,
    strict: bool,
) -> int:
    """Look at each precondition of CONFIG on this machine: what was seen, where, what was wanted, and the remedy.

    CONFIG is ./optimux.toml, else the copy that apply keeps in /etc/optimux; without either the cards are looked at
    that the machine shows. Changes nothing, and wakes no device that sleeps.
    """
    if as_json and as_junit:
        raise click.UsageError("--json and --junit exclude each other.")
    from optimux.host.doctor.findings import report_of

    report = report_of(config, vm, root, previous=previous_boot)
    _write(report, as_json=as_json, as_junit=as_junit, show_all=show_all)
    return FAILED if report.broken or (strict and report.unseen) else DONE


def _write(report: Report, *, as_json: bool, as_junit: bool, show_all: bool) -> None:
    if as_json:
        import json

        click.echo(json.dumps(report.as_data(), indent=2, ensure_ascii=False))
    elif as_junit:
        from optimux.cli.doctor_junit import junit

        click.echo(junit(report), nl=False)
    else:
        from optimux.cli.doctor_picture import draw

        draw(report, show_all=show_all)
