"""``optimux install``: Windows into a VM, unattended."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from optimux.cli.guest_medium import place_media
from optimux.cli.here import place_of
from optimux.cli.inputs import place_options, plan_of
from optimux.cli.report import FAILED, report_warnings, say
from optimux.cli.verb import Verb
from optimux.errors import InvalidInput, OptimuxError, Problem

if TYPE_CHECKING:
    from optimux.libvirt.connection import Connection
    from optimux.plan.model import DomainPlan, Plan

EXAMPLES = """\b
Examples:
  optimux install optimux.toml                        the only VM, with a question before it begins
  optimux install optimux.toml --vm Windows11 --yes
  optimux install optimux.toml --without-gpu          the card comes with the next start
"""
MINUTES = 120


@click.command("install", cls=Verb, epilog=EXAMPLES)
@click.argument("config")
@click.option("--vm", metavar="NAME", help="The VM; not needed where there is one.")
@click.option("--connect", metavar="URI", help="libvirt's URI; $LIBVIRT_DEFAULT_URI or qemu:///system by default.")
@click.option("--without-gpu", is_flag=True, help="Leave the card, its picture's memory and its battery out.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--wait", type=click.IntRange(1, 1440), default=MINUTES, show_default=True, help="Minutes for Windows' Setup."
)
@place_options
def command(
    config: str,
    vm: str | None,
    connect: str | None,
    without_gpu: bool,
    yes: bool,
    wait: int,
    facts: str | None,
    here: bool | None,
) -> int:
    """Install Windows into a VM of CONFIG by the answers in windows.unattended.

    Checks the media, makes missing images of disks[].create, defines the VM where libvirt does not know it, starts it
    once in a variant with the answers, waits for the guest agent, and takes the medium with the password out and away.
    """
    from optimux.libvirt.connection import Connection
    from optimux.libvirt.uri import is_local

    if not is_local(connect):
        raise InvalidInput([Problem("--connect", f'"{connect}"', "a libvirt on this machine", "Run it there.")])
    plan = plan_of(config, facts, place_of(here))
    domain = _chosen(plan, vm)
    password = _checked(plan, domain)
    report_warnings(plan.warnings)
    with Connection(connect) as connection:
        _check_domain(connection, domain)
        _tell(domain)
        if not yes and not _agreed():
            return FAILED
        _install(connection, domain, password if password is not None else _asked(domain), without_gpu, wait)
    say(f"{domain.name} answers; next: optimux guest setup {domain.name}")
    return 0


def _chosen(plan: Plan, vm: str | None) -> DomainPlan:
    from optimux.cli.existing_domain import UNKNOWN, chosen_vm, names_of

    domain = chosen_vm(plan, vm)
    if domain is None:
        raise InvalidInput([Problem("--vm", "none named", names_of(plan), UNKNOWN)])
    if domain.windows.unattended is None:
        remedy = "Set it, with the name of a user; or install by hand: virsh start, then virt-viewer."
        raise InvalidInput([Problem(f"vms.{domain.key}.windows.unattended", "nothing", "answers for Setup", remedy)])
    return domain


def _checked(plan: Plan, domain: DomainPlan) -> str | None:
    """The password, where a file has it. Raises ``InvalidInput`` with what is wrong with the media and the file."""
    from optimux.guest.media_check import media_problems
    from optimux.guest.unattended import read_password

    problems = media_problems(domain, plan.host.platform.distribution)
    password = None
    try:
        password = read_password(domain)
    except InvalidInput as error:
        problems += error.problems
    stated = domain.windows.unattended
    if password is None and not problems and stated and not stated.password_file and not _is_asked():
        remedy = "Name a file of mode 0600, or run it on a terminal."
        problems.append(
            Problem(f"vms.{domain.key}.windows.unattended.passwordFile", "no password", "a file that holds it", remedy)
        )
    if problems:
        raise InvalidInput(problems)
    return password


def _is_asked() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def _asked(domain: DomainPlan) -> str:
    from optimux.guest.unattended import check_password

    stated = domain.windows.unattended
    assert stated is not None
    text: str = click.prompt(
        f"Password for {stated.user} in Windows", hide_input=True, confirmation_prompt=True, err=True
    )
    check_password(text, "the password")
    return text


def _check_domain(connection: Connection, domain: DomainPlan) -> None:
    """Raises ``OptimuxError`` for one that runs, and where its disks are not the configuration's."""
    from optimux.libvirt.install import disk_targets

    found = connection.find(domain.name)
    stated = domain.windows.unattended
    assert stated is not None
    if found is None:
        return
    if found.running:
        raise OptimuxError(f"{domain.name} runs. Shut it down first; what is on its disk would be in the way anyway.")
    if stated.disk not in disk_targets(found.xml):
        raise OptimuxError(f"libvirt's {domain.name} has no disk {stated.disk}. Bring it up to date: optimux define.")


def _tell(domain: DomainPlan) -> None:
    from optimux.guest.images import missing_images

    stated = domain.windows.unattended
    assert stated is not None
    disk = next(disk for disk in domain.disks if disk.target == stated.disk)
    say(f"{stated.edition} goes to {disk.source} ({disk.target}), for the user {stated.user}")
    for image in missing_images(domain.disks):
        say(f"  {image.source} is made: {image.create}, {image.format}")


def _agreed() -> bool:
    if not _is_asked():
        say("nothing was done: standard input is no terminal to ask on; add --yes")
        return False
    if click.confirm("Install?", default=False, err=True):
        return True
    say("nothing was done")
    return False


def _install(connection: Connection, domain: DomainPlan, password: str, without_gpu: bool, wait: int) -> None:
    from optimux.files.scratch import discard, write_new
    from optimux.guest.images import images_made
    from optimux.guest.installation import Installation
    from optimux.guest.unattended import answer_medium
    from optimux.libvirt.install import install_variant

    image = answer_medium(domain, password)
    place_media([domain])
    with images_made(domain.disks) as made:
        _define(connection, domain)
    for path in made:
        say(f"made {path}")
    found = connection.find(domain.name)
    assert found is not None
    answers = Path(domain.guest_media.path).with_name(f"optimux-{domain.key}-unattend.iso")
    write_new(answers, image, 0o600)
    try:
        variant = install_variant(found.xml, domain, str(answers), without_gpu=without_gpu)
        machine = connection.installing(variant, str(answers))
    except BaseException:
        discard(answers)
        raise
    stated = domain.windows.unattended
    assert stated is not None
    say(f"Windows asks for one thing: sign in as {stated.user} when it shows its screen; the setup begins then")
    Installation(machine, lambda: discard(answers), say).run(wait * 60)


def _define(connection: Connection, domain: DomainPlan) -> None:
    """One that libvirt does not know, with its battery table; one that it knows stays as it is."""
    if connection.find(domain.name) is not None:
        return
    from optimux.files.root import Root
    from optimux.libvirt.define import carry_out, steps_for, tables_for

    with Root() as root:
        carry_out(steps_for([domain], connection), tables_for([domain], root), connection, root)
    say(f"defined {domain.name}")
