"""``optimux define``: the configuration's VMs into libvirt."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from optimux.cli.difference import write_difference, write_machine
from optimux.cli.existing_domain import UNKNOWN, names_of
from optimux.cli.guest_medium import missing_media, place_media
from optimux.cli.here import place_of
from optimux.cli.inputs import place_options, plan_of
from optimux.cli.report import FAILED, report_warnings, say
from optimux.cli.verb import Verb
from optimux.errors import InvalidInput, Problem
from optimux.files.acpi_tables import read_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optimux.libvirt.define import Step, Table
    from optimux.plan.devices import Disk
    from optimux.plan.model import DomainPlan, Plan

EXAMPLES = """\b
Examples:
  optimux define optimux.toml                       show the difference, ask, define
  optimux define optimux.toml --vm Windows11 --yes
  optimux define optimux.toml --connect qemu+ssh://host/system
"""


@click.command("define", cls=Verb, epilog=EXAMPLES)
@click.argument("config")
@click.option("--connect", metavar="URI", help="libvirt's URI; $LIBVIRT_DEFAULT_URI or qemu:///system by default.")
@click.option("--vm", multiple=True, metavar="NAME", help="Only this VM; may be repeated.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@place_options
def command(
    config: str, connect: str | None, vm: tuple[str, ...], yes: bool, facts: str | None, here: bool | None
) -> int:
    """Define or update the VMs of CONFIG in libvirt; none is started, stopped or restarted.

    A domain that libvirt does not know is defined from the configuration, and the images that disks[].create asks for
    are made. One that it knows is patched: its UUID, MAC addresses, NVRAM and all that the configuration does not speak
    of stay.
    """
    from optimux.files.root import Root
    from optimux.guest.images import images_made, missing_images
    from optimux.libvirt.connection import Connection
    from optimux.libvirt.define import carry_out, steps_for, tables_for, unread
    from optimux.libvirt.uri import is_local

    plan = plan_of(config, facts, place_of(here) if here or is_local(connect) else "elsewhere")
    domains = _chosen(plan, vm)
    _check_media(plan, domains, connect)
    report_warnings(plan.warnings)
    with Connection(connect) as connection, Root() as root:
        steps = steps_for(domains, connection, read_table if connection.is_local else unread)
        tables = tables_for(domains, root) if connection.is_local else ()
        _show(steps, tables)
        media = missing_media(domains) if connection.is_local else ()
        _show_files(media, missing_images(_images(domains)) if connection.is_local else ())
        if not connection.is_local:
            _say_what_to_copy(domains)
        if not tables and not media and all(step.action == "keep" for step in steps):
            say("nothing to change")
            return 0
        if not yes and not _agreed():
            return FAILED
        new = [domain for domain, step in zip(domains, steps, strict=True) if step.action == "define"]
        with images_made(_images(new) if connection.is_local else ()) as made:
            carry_out(steps, tables, connection, root)
        place_media(media)
    for path in made:
        say(f"made {path}")
    _report(steps)
    return 0


def _chosen(plan: Plan, names: Sequence[str]) -> tuple[DomainPlan, ...]:
    """The named VMs, or all."""
    known = {domain.key: domain for domain in plan.domains} | {domain.name: domain for domain in plan.domains}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise InvalidInput([Problem("--vm", f'"{name}"', names_of(plan), UNKNOWN) for name in unknown])
    return tuple({known[name].key: known[name] for name in names}.values()) if names else plan.domains


def _images(domains: Sequence[DomainPlan]) -> list[Disk]:
    """The images that may have to be made, each once."""
    return list({disk.source: disk for domain in domains for disk in domain.disks if disk.create}.values())


def _check_media(plan: Plan, domains: Sequence[DomainPlan], connect: str | None) -> None:
    """Raises ``InvalidInput`` with what is wrong with Windows' media, before libvirt says that a file is missing."""
    from optimux.libvirt.uri import is_local

    if not is_local(connect) or not any(domain.windows.iso or domain.windows.virtio_win for domain in domains):
        return
    from optimux.guest.media_check import media_problems

    distribution = plan.host.platform.distribution
    if problems := [problem for domain in domains for problem in media_problems(domain, distribution)]:
        raise InvalidInput(problems)


def _show(steps: Sequence[Step], tables: Sequence[Table]) -> None:
    """The difference on standard output, the reasons on standard error."""
    for step in steps:
        write_difference((step.before or "").encode(), step.after.encode(), f"{step.name}.xml")
        if step.patched and step.action == "update":
            write_machine(step.patched.machine)
        for change in step.patched.changes if step.patched else ():
            say(f"  {step.name}: {change}")
        for left in step.patched.left if step.patched else ():
            say(f"  {step.name}: left as it is: {left}")
        for key in step.patched.unpatched if step.patched else ():
            say(f"  {step.name}: not patched: {key}")
    for table in tables:
        say(f"  {table.path}: {'new' if table.before is None else 'another'} battery table, {len(table.after)} bytes")


def _show_files(media: Sequence[DomainPlan], images: Sequence[Disk]) -> None:
    for domain in media:
        say(f"  {domain.guest_media.path}: the medium that sets the guest up, to be written")
    for image in images:
        say(f"  {image.source}: made with its domain, {image.create}, {image.format}")


def _say_what_to_copy(domains: Sequence[DomainPlan]) -> None:
    for path in sorted({domain.battery_path for domain in domains if domain.battery}):
        say(f"  the battery table must lie at {path} on the other host; `optimux generate` writes it")


def _agreed() -> bool:
    """Ask on a terminal; elsewhere only --yes defines."""
    if sys.stdin is None or not sys.stdin.isatty():
        say("nothing was changed: standard input is no terminal to ask on; add --yes")
        return False
    if click.confirm("Define this?", default=False, err=True):
        return True
    say("nothing was changed")
    return False


def _report(steps: Sequence[Step]) -> None:
    words = {"define": "defined", "update": "updated", "keep": "is up to date"}
    for step in steps:
        later = "; it runs, and changes at its next start" if step.running and step.action == "update" else ""
        say(f"{step.name}: {words[step.action]}{later}")
