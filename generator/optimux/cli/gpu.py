"""``optimux gpu``: who holds the card; to the VM and back without a reboot, or a refusal."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from optimux.cli.another_root import another_root
from optimux.cli.report import DONE, FAILED, report_warnings, say
from optimux.cli.verb import Verb, VerbGroup

if TYPE_CHECKING:
    from optimux.host.handover.cards import Card

EPILOG = """\b
Examples:
  optimux gpu status                    the installed cards, else those of ./optimux.toml
  sudo optimux gpu status --json
  sudo optimux gpu take --stop ollama.service
  sudo optimux gpu give optimux.toml
  optimux gpu keep-free --desktop gnome
"""
CONFIG = click.argument("config", required=False)
GPU = click.option("--gpu", "name", metavar="NAME", help="The card; not needed where there is one.")
FACTS = click.option("--facts", metavar="FILE", help="What is known of the host (see `optimux schema --facts`).")
JSON = click.option("--json", "as_json", is_flag=True, help="The result as JSON on standard output.")


@click.group("gpu", cls=VerbGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Who holds the card; to the VM and back without a reboot, or a refusal.

    Without CONFIG the cards are those that `optimux apply` installed, else those of ./optimux.toml.
    """


def cards(config: str | None, facts: str | None, root: str | None = None) -> tuple[Card, ...]:
    """The cards of a configuration, else those that are installed, else ./optimux.toml's. Raises ``InvalidInput``."""
    from optimux.host.handover.cards import INSTALLED, cards_from, cards_of

    if config is None and Path((root or "") + INSTALLED).exists():
        return cards_from(INSTALLED, root or "")
    from optimux.cli.inputs import plan_of

    plan = plan_of(config if config is not None else _here(INSTALLED), facts)
    report_warnings(plan.warnings)
    return cards_of(plan)


def _here(installed: str) -> str:
    if os.path.lexists("optimux.toml"):
        return "optimux.toml"
    from optimux.errors import InvalidInput, Problem

    verb = click.get_current_context().command_path.partition(" ")[2]
    remedy = f"Name it: optimux {verb} FILE. `optimux init` writes one."
    raise InvalidInput([Problem("CONFIG", f"no {installed}, no ./optimux.toml", "a configuration", remedy)])


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

    root = _recorded(root)
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


YES = click.option("--yes", is_flag=True, help="Do not ask, also where a terminal could answer.")


@command.command("take", cls=Verb)
@CONFIG
@GPU
@FACTS
@click.option("--stop", multiple=True, metavar="UNIT", help="A unit that may be stopped, and is started again by give.")
@YES
def take(config: str | None, name: str | None, facts: str | None, stop: tuple[str, ...], yes: bool) -> int:
    """Bring a card to vfio-pci, so that a VM can have it; or refuse, with everything as it was.

    Who holds the card is named, and never ended unless --stop names its unit.
    """
    from optimux.host.handover.cards import chosen
    from optimux.host.handover.kernel import Kernel
    from optimux.host.handover.picture import look
    from optimux.host.handover.state import Store
    from optimux.host.handover.take import Taking

    _root("take")
    card = chosen(cards(config, facts), name)
    _warn(card, yes=yes)
    kernel, store = Kernel(), Store()
    with store.lock(kernel):
        said = Taking(card, kernel, store, lambda: look(card), say, None, stop, give_again(config, facts, card)).run()
    click.echo(said)
    return DONE


@command.command("give", cls=Verb)
@CONFIG
@GPU
@FACTS
def give(config: str | None, name: str | None, facts: str | None) -> int:
    """Bring a card back to the host's drivers, also from a hand-over that ended in between."""
    from optimux.host.handover.cards import chosen
    from optimux.host.handover.give import give as give_back
    from optimux.host.handover.kernel import Kernel
    from optimux.host.handover.picture import machine_of
    from optimux.host.handover.state import Store

    _root("give")
    card = chosen(cards(config, facts), name)
    kernel, store = Kernel(), Store()
    with store.lock(kernel):
        click.echo(give_back(card, kernel, store, say, machine_of(card)))
    return DONE


@command.command("keep-free", cls=Verb)
@CONFIG
@GPU
@FACTS
@click.option("--desktop", metavar="NAME", help="The desktop; by default that of this session.")
@click.option("--root", metavar="DIR", help="Read a recorded tree of /sys and /run, and nothing of this machine.")
def keep_free(config: str | None, name: str | None, facts: str | None, desktop: str | None, root: str | None) -> int:
    """Say whether desktops leave each card alone, and what this desktop needs for it.

    The rule itself comes from gpus.<name>.keepFree = true, through `optimux apply`, and goes with rollback.
    """
    from optimux.host.handover.cards import chosen
    from optimux.host.handover.keep_free import advice, current_desktop, desktops, kept

    if desktop is not None and desktop not in desktops():
        from optimux.errors import InvalidInput, Problem

        raise InvalidInput([Problem("--desktop", f'"{desktop}"', ", ".join(desktops()), "Name one of these.")])
    root = _recorded(root)
    known = cards(config, facts, root)
    desktop = desktop or current_desktop()
    all_free = True
    for card in [chosen(known, name)] if name else known:
        found = kept(card, root or "/")
        all_free = all_free and (found.free or (found.node is None and found.is_there))
        if found.node is None:
            click.echo(f"{card.name}: {found.why}")
        elif found.free:
            click.echo(f"{card.name}: desktops leave {found.node} alone")
        else:
            click.echo(f"{card.name}: desktops open {found.node}")
            click.echo(f"  Set gpus.{card.name}.keepFree = true, run optimux apply, and reboot.")
        if desktop:
            click.echo(f"  {desktop}: {advice(card, found.node, desktop)}")
    return DONE if all_free else FAILED


@command.command("hook", cls=Verb, hidden=True)
@click.argument("domain")
@click.argument("operation")
@click.argument("sub_operation")
def hook(domain: str, operation: str, sub_operation: str) -> int:
    """What libvirt's hook calls around a VM: the card is taken before its start, and given after its end."""
    from optimux.host.handover.hook import run

    run(domain, f"{operation}/{sub_operation}", say)
    return DONE


def give_again(config: str | None, facts: str | None, card: Card) -> tuple[str, ...]:
    """The command that brings the card back, from anywhere."""
    import sys

    said = (str(Path(config).absolute()),) if config not in (None, "-") and config else ()
    seen = ("--facts", str(Path(facts).absolute())) if facts else ()
    return (sys.executable, "-m", "optimux", "gpu", "give", *said, "--gpu", card.name, *seen)


def _recorded(root: str | None) -> str | None:
    """The absolute path of a recorded tree. Raises ``InvalidInput`` for one of no machine."""
    if place := another_root(root):
        from optimux.facts.detect import Root

        Root.of_a_machine(place).close()
    return place


def _root(verb: str) -> None:
    import os

    if os.geteuid():
        from optimux.errors import OptimuxError

        raise OptimuxError(f"gpu {verb} changes the host's drivers: run it as root. Nothing was changed.")


def _warn(card: Card, *, yes: bool) -> None:
    """What is known of a card's kind, before and not after; a terminal is asked."""
    import sys

    from optimux.host.handover.verdict import family

    known = [why for function in card.functions if (why := family(function.id))]
    for why in known:
        say(f"{card.name}: {why}", "warning")
    if known and not yes and sys.stdin.isatty():
        click.confirm("Take it nevertheless?", abort=True, err=True)
