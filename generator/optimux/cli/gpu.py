"""``optimux gpu``: who holds the card; to the VM and back without a reboot, or a refusal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from optimux.cli.report import DONE, report_warnings
from optimux.cli.verb import Verb, VerbGroup

if TYPE_CHECKING:
    from optimux.host.handover.cards import Card

EPILOG = """\b
Examples:
  optimux gpu status optimux.toml
  sudo optimux gpu status --json
"""
CONFIG = click.argument("config", required=False)
GPU = click.option("--gpu", "name", metavar="NAME", help="The card; not needed where there is one.")
FACTS = click.option("--facts", metavar="FILE", help="What is known of the host (see `optimux schema --facts`).")
JSON = click.option("--json", "as_json", is_flag=True, help="The result as JSON on standard output.")


@click.group("gpu", cls=VerbGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Who holds the card; to the VM and back without a reboot, or a refusal.

    Without CONFIG the cards are those that `optimux apply` installed.
    """


def cards(config: str | None, facts: str | None, root: str | None = None) -> tuple[Card, ...]:
    """The cards of a configuration, or those that are installed. Raises ``InvalidInput``."""
    from optimux.host.handover.cards import INSTALLED, cards_from, cards_of

    if config is None:
        _installed(INSTALLED, root or "")
        return cards_from(INSTALLED, root or "")
    from optimux.cli.inputs import plan_of

    plan = plan_of(config, facts)
    report_warnings(plan.warnings)
    return cards_of(plan)


def _installed(path: str, root: str) -> None:
    if not Path(root + path).exists():
        from optimux.errors import InvalidInput, Problem

        remedy = "Name the configuration, as in optimux gpu status optimux.toml."
        raise InvalidInput([Problem("CONFIG", f"none, and no {path}", "a configuration", remedy)])


@command.command("status", cls=Verb)
@CONFIG
@GPU
@FACTS
@JSON
@click.option("--root", metavar="DIR", help="Read a recorded tree of /sys and /proc, and nothing of this machine.")
def status(config: str | None, name: str | None, facts: str | None, as_json: bool, root: str | None) -> int:
    """Show who drives and who holds each card, and whether it can be given to a VM now.

    Changes nothing, and wakes no device that sleeps. Other users' processes take root to be looked into.
    """
    from optimux.host.handover.cards import chosen
    from optimux.host.handover.picture import look
    from optimux.host.handover.report import as_data, lines
    from optimux.host.handover.verdict import verdict

    known = cards(config, facts, root)
    pictures = [look(card, root) for card in ([chosen(known, name)] if name else known)]
    judged = [(picture, verdict(picture)) for picture in pictures]
    if as_json:
        import json

        click.echo(json.dumps({"gpus": [as_data(*pair) for pair in judged]}, indent=2, ensure_ascii=False))
        return DONE
    from optimux.cli.text import shown

    for pair in judged:
        for line in lines(*pair):
            click.echo(shown(line))
    if not judged:
        click.echo("The configuration has no card.")
    return DONE
