"""``optimux patch``: a domain that exists, brought to what the plan needs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from optimux.cli.existing_domain import vm_of
from optimux.cli.here import place_of
from optimux.cli.inputs import place_options, plan_of
from optimux.cli.report import FAILED, report_warnings, say
from optimux.cli.verb import Verb
from optimux.errors import InvalidInput, Problem
from optimux.files.acpi_tables import read_table
from optimux.files.read import read_bytes
from optimux.patch import CONCERNS, Patched, patch_domain
from optimux.patch.source import MAX_BYTES

if TYPE_CHECKING:
    from optimux.plan.model import Plan

EXAMPLES = (
    """\b
Examples:
  virsh dumpxml --inactive Windows11 | optimux patch optimux.toml --diff
  optimux patch optimux.toml Windows11.xml --in-place
  optimux patch optimux.toml Windows11.xml -o patched.xml --except tpm,cpu
  optimux patch optimux.toml Windows11.xml --check
  optimux patch optimux.toml Windows11.xml --json | jq .machine

\b
Concerns: """
    + ", ".join(CONCERNS)
    + "."
)


@click.command("patch", cls=Verb, epilog=EXAMPLES)
@click.argument("config")
@click.argument("domain", default="-", metavar="[DOMAIN.xml]")
@click.option("--vm", metavar="NAME", help="The VM of CONFIG to patch for; by default the only one, or by name.")
@click.option("--only", multiple=True, metavar="CONCERN,..", help="Only these concerns.")
@click.option("--except", "except_", multiple=True, metavar="CONCERN,..", help="All concerns but these.")
@click.option(
    "--diff",
    is_flag=True,
    help="Print the difference, which patch(1) can apply, and what it does to the machine's devices; not the domain.",
)
@click.option("--json", "as_json", is_flag=True, help="Both differences and the reasons as JSON; not the domain.")
@click.option("--check", is_flag=True, help="Write nothing; exit 1 when anything would change or a key is not patched.")
@click.option("-o", "--output", metavar="OUT", help="Write there, not to standard output.")
@click.option("--in-place", is_flag=True, help="Write to DOMAIN.xml itself, with a backup beside it.")
@place_options
def command(
    config: str,
    domain: str,
    vm: str | None,
    only: tuple[str, ...],
    except_: tuple[str, ...],
    diff: bool,
    as_json: bool,
    check: bool,
    output: str | None,
    in_place: bool,
    facts: str | None,
    here: bool | None,
) -> int:
    """Edit DOMAIN.xml (standard input by default) as CONFIG asks, and keep every byte that need not change."""
    _check_usage(config, domain, output, in_place, diff and as_json)
    plan = plan_of(config, facts, place_of(here))
    document = read_bytes(domain, MAX_BYTES)
    patched = patch_domain(document, vm_of(plan, vm, document), _words(only), _words(except_), read_table)
    _judge(plan, document, patched.document)
    report_warnings(plan.warnings)
    _summarise(patched)
    name = "domain.xml" if domain == "-" else domain
    if diff:
        from optimux.cli.difference import write_difference, write_machine

        write_difference(document, patched.document, name)
        if document != patched.document:
            write_machine(patched.machine)
    elif as_json:
        click.echo(_json(document, patched, name))
    changed = patched.document != document
    if check:
        return FAILED if changed or patched.unpatched else 0
    _write(domain, document, patched.document, output, in_place, diff or as_json)
    return 0


def _check_usage(config: str, domain: str, output: str | None, in_place: bool, both: bool) -> None:
    if both:
        raise click.UsageError("--diff and --json exclude each other: --json has both differences.")
    if in_place and domain == "-":
        raise click.UsageError("--in-place needs DOMAIN.xml.")
    if in_place and output:
        raise click.UsageError("--in-place and --output exclude each other.")
    if config == "-" and domain == "-":
        raise click.UsageError("Only one of CONFIG and DOMAIN.xml can be standard input.")


def _words(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word.strip() for value in values for word in value.split(",") if word.strip())


def _judge(plan: Plan, before: bytes, after: bytes) -> None:
    """Let libvirt's schema compare both, where the machine has the planned version of it."""
    from optimux.libvirt.schema import is_oracle_for, violations

    if before == after or not is_oracle_for(plan.host.platform.libvirt):
        return
    lines = violations(after)
    if not lines:
        return
    allowed = f"what the schema of libvirt {plan.host.platform.libvirt} allows"
    if old := violations(before):
        report_warnings((Problem("domain", old[0], allowed, "It was so before the patch; libvirt may refuse it."),))
        return
    remedy = "This is a defect of Optimux; leave the concern out with --except until it is mended."
    raise InvalidInput([Problem("domain", f"after the patch {lines[0]}", allowed, remedy)])


def _json(before: bytes, patched: Patched, name: str) -> str:
    """Everything that a person reads, for a program; what is no UTF-8 in the text's difference is escaped."""
    import json

    from optimux.cli.difference import difference

    text = b"".join(difference(before, patched.document, name)).decode(errors="backslashreplace")
    machine = {key: getattr(patched.machine, key) for key in ("added", "removed", "changed")}
    moved = [
        {key: getattr(move, key) or None for key in ("device", "before", "after")} for move in patched.machine.moved
    ]
    reasons = {
        key: [{field: getattr(each, field) for field in ("concern", "what", "why")} for each in found]
        for key, found in (("changes", patched.changes), ("left", patched.left), ("notPatched", patched.unpatched))
    }
    return json.dumps({"difference": text, "machine": machine | {"moved": moved}, **reasons}, indent=2)


def _summarise(patched: Patched) -> None:
    for change in patched.changes:
        say(f"  {change}")
    for left in patched.left:
        say(f"  left as it is: {left}")
    for key in patched.unpatched:
        say(f"  not patched: {key}")
    count = len(patched.changes)
    say(f"{count} change{'s' if count != 1 else ''}" if count else "nothing to change")


def _write(domain: str, before: bytes, after: bytes, output: str | None, in_place: bool, shown: bool) -> None:
    from optimux.files.replace import mode_of, replace_file, replace_with_backup

    if in_place:
        if before != after:
            backup = replace_with_backup(Path(domain), before, after)
            say(f"wrote {domain}; what it was is in {backup}")
    elif output and output != "-":
        # A domain may hold passwords: a copy is not for more readers than it was.
        replace_file(Path(output), after, None if domain == "-" else mode_of(Path(domain)))
        say(f"wrote {output}")
    elif not shown:
        sys.stdout.buffer.write(after)
        sys.stdout.buffer.flush()
