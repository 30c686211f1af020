"""``optimux guest``: the Windows side, from its medium to the report of its setup."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from optimux.cli.existing_domain import UNKNOWN, chosen_vm, names_of
from optimux.cli.inputs import plan_of
from optimux.cli.report import DONE, FAILED, report_warnings, say
from optimux.cli.verb import Verb, VerbGroup
from optimux.errors import InvalidInput, Problem
from optimux.files.read import read_bytes

if TYPE_CHECKING:
    from optimux.guest.provisioning import Report, Row

EPILOG = """\b
Examples:
  optimux guest media optimux.toml --vm Windows11 -o optimux-guest.iso
  optimux guest media optimux.toml --payload ~/downloads -o optimux-guest.iso
  optimux guest status Windows11
  optimux guest setup Windows11 --report report.json
"""
MOST_PAYLOAD = 4 << 30  # bytes; a driver's installer has about one GiB


@click.group("guest", cls=VerbGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """The Windows side: the medium that sets the guest up, and its setup through the guest agent."""


@command.command("media", cls=Verb)
@click.argument("config")
@click.option("--vm", metavar="NAME", help="The VM; not needed where there is one.")
@click.option("--payload", metavar="DIR", help="Programs for the setup; their checksums go into its plan.")
@click.option("-o", "--output", metavar="FILE", required=True, help="The ISO image to write.")
@click.option("--facts", metavar="FILE", help="What is known of the host (see `optimux schema --facts`).")
def media(config: str, vm: str | None, payload: str | None, output: str, facts: str | None) -> int:
    """Write the medium of a VM: setup.cmd, its plan, the settings, a checklist in English and Chinese."""
    from optimux.emit.guest.iso import iso_image
    from optimux.emit.guest.medium import medium_files
    from optimux.emit.windows import settings_files
    from optimux.files.replace import replace_file

    plan = plan_of(config, facts)
    report_warnings(plan.warnings)
    domain = chosen_vm(plan, vm)
    if domain is None:
        raise InvalidInput([Problem("--vm", "none named", names_of(plan), UNKNOWN)])
    if domain.shared_memory is None:
        problem = Problem(
            f"vms.{domain.key}.gpu", "no Looking Glass", "a VM with a GPU and lookingGlass", "Name another VM."
        )
        raise InvalidInput([problem])
    programs = _payload(payload) if payload else {}
    image = iso_image(medium_files(domain, settings_files(domain), programs))
    replace_file(Path(output), image)
    say(f"wrote {output}: {len(image) >> 10} KiB")
    return DONE


def _payload(folder: str) -> dict[str, bytes]:
    """The files of a folder by their names; a folder gpu-driver inside it whole."""
    root = Path(folder)
    if not root.is_dir():
        raise InvalidInput([Problem("--payload", f'"{folder}"', "a folder", "Name the folder with the programs.")])
    found = {str(path.relative_to(root)): path for path in sorted(root.rglob("*")) if path.is_file()}
    if (size := sum(path.stat().st_size for path in found.values())) > MOST_PAYLOAD:
        allowed = f"at most {MOST_PAYLOAD >> 30} GiB"
        raise InvalidInput(
            [Problem("--payload", f"{size >> 20} MiB", allowed, "Leave out what the setup does not need.")]
        )
    return {name: read_bytes(str(path), MOST_PAYLOAD) for name, path in found.items()}


_CONNECT = click.option(
    "--connect", metavar="URI", help="libvirt's URI; $LIBVIRT_DEFAULT_URI or qemu:///system by default."
)
_JSON = click.option("--json", "as_json", is_flag=True, help="The report as JSON on standard output.")
_WAIT = click.option(
    "--wait", type=click.IntRange(0, 3600), default=60, show_default=True, help="Seconds to wait for the agent."
)


@command.command("status", cls=Verb)
@click.argument("vm")
@_CONNECT
@_JSON
@_WAIT
def status(vm: str, connect: str | None, as_json: bool, wait: int) -> int:
    """What the setup finds in the guest VM (libvirt's name); nothing is changed."""
    from optimux.guest.provisioning import Setup
    from optimux.libvirt.agent import guest

    with guest(vm, connect) as (agent, restart):
        agent.wait(wait)
        report = Setup(agent, restart).status()
    return _show(report, as_json)


@command.command("setup", cls=Verb)
@click.argument("vm")
@_CONNECT
@_JSON
@_WAIT
@click.option("--report", "save", metavar="FILE", help="Save the report as JSON.")
def setup(vm: str, connect: str | None, as_json: bool, wait: int, save: str | None) -> int:
    """Run the setup on the medium of the guest VM (libvirt's name), and restart the guest where it asks."""
    from optimux.guest.provisioning import Progress, Setup
    from optimux.libvirt.agent import guest

    with guest(vm, connect) as (agent, restart):
        agent.wait(wait)
        report = Setup(agent, restart).run(Progress(_tell, say))
    if save:
        from optimux.files.replace import replace_file

        replace_file(Path(save), _as_json(report).encode())
        say(f"wrote {save}")
    return _show(report, as_json, said=True)


def _tell(row: Row) -> None:
    say(f"  {row.step:<22} {row.outcome:<8} {row.found}")
    if row.next:
        say(f"  {'':<22} {'':<8} {row.next}")


def _show(report: Report, as_json: bool, *, said: bool = False) -> int:
    if as_json:
        sys.stdout.write(_as_json(report))
    elif not said:
        for row in report.rows:
            _tell(row)
    for name, title, code in report.devices:
        if code:
            say(f"  {title or name}: {'not there' if code < 0 else f'problem code {code}'}")
    return DONE if all(row.outcome == "holds" for row in report.rows) else FAILED


def _as_json(report: Report) -> str:
    import json

    data = {
        "vm": report.vm,
        "release": report.release,
        "exit": report.exit_code,
        "boot": report.boot,
        "steps": [{"step": r.step, "outcome": r.outcome, "found": r.found, "next": r.next} for r in report.rows],
        "devices": [{"id": name, "name": title, "code": code} for name, title, code in report.devices],
    }
    return json.dumps(data, indent=2) + "\n"
