"""``optimux generate``: from a configuration to the bundle."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from optimux.cli.inputs import plan_of
from optimux.cli.report import report_warnings, say
from optimux.cli.verb import Verb
from optimux.emit.bundle import bundle
from optimux.errors import InvalidInput, OptimuxError, Problem
from optimux.plan.model import Plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optimux.emit.artifact import Artifact

EXAMPLES = """\b
Examples:
  optimux generate optimux.toml -o out/
  optimux generate optimux.toml -o out/ --here            check it against this machine
  optimux generate optimux.toml -o out/ --facts facts.json
  optimux generate optimux.toml -o out/ --check
  optimux generate - -o out/ < optimux.toml
"""


@click.command("generate", cls=Verb, epilog=EXAMPLES)
@click.argument("config")
@click.option("-o", "--output", required=True, metavar="DIR", help="The folder for the bundle.")
@click.option("--facts", metavar="FILE", help="What is known of the host (see `optimux schema --facts`).")
@click.option("--here", is_flag=True, help="Check against this machine: its devices, IOMMU groups, users, versions.")
@click.option("--check", is_flag=True, help="Write nothing; exit 1 with a difference when DIR is not up to date.")
@click.option("--force", is_flag=True, help="Overwrite files that Optimux did not write.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(config: str, output: str, facts: str | None, here: bool, check: bool, force: bool, as_json: bool) -> int:
    """Write everything that CONFIG (TOML, JSON, or - for TOML on standard input) asks for."""
    try:
        _check_output(output)
        return _generate(plan_of(config, facts, "here" if here else "elsewhere"), Path(output), check, force, as_json)
    except InvalidInput as error:
        if as_json:
            _echo_json({"problems": _as_data(error.problems)})
        raise


def _generate(plan: Plan, folder: Path, check: bool, force: bool, as_json: bool) -> int:
    artifacts = bundle(plan)
    _check_against_schema(plan, artifacts)
    report_warnings(plan.warnings)
    if check:
        from optimux.cli.check import print_difference

        return print_difference(artifacts, folder, as_json)
    _write(plan, artifacts, folder, force, as_json)
    return 0


def _check_output(output: str) -> None:
    if "\0" in output:
        raise InvalidInput([Problem("--output", "a null byte", "a folder", "Name one; a dot is the current folder.")])


def _as_data(problems: Sequence[Problem]) -> list[dict[str, str]]:
    return [{key: getattr(problem, key) for key in problem._fields} for problem in problems]


def _echo_json(data: object) -> None:
    import json

    click.echo(json.dumps(data, indent=2, ensure_ascii=False))


def _write(plan: Plan, artifacts: Sequence[Artifact], folder: Path, force: bool, as_json: bool) -> None:
    from optimux.bundle.folder import write

    comparison = write(artifacts, folder, force=force)
    if as_json:
        import hashlib

        files = [
            {"path": a.path, "mode": f"{a.mode:04o}", "sha256": hashlib.sha256(a.content).hexdigest()}
            for a in artifacts
        ]
        _echo_json({"folder": str(folder), "files": files, "warnings": _as_data(plan.warnings)})
        return
    for artifact in artifacts:
        click.echo(folder / artifact.path)
    if comparison.is_current:
        say(f"{folder} is up to date: {len(artifacts)} files")
    else:
        host = plan.host.platform
        say(f"planned for {host.distribution}, libvirt {host.libvirt}, QEMU {host.qemu}, Linux {host.kernel}")
        say(f"wrote {len(artifacts)} files to {folder}; {_next_step(artifacts)}")


def _next_step(artifacts: Sequence[Artifact]) -> str:
    if any(artifact.path == "INSTALL.md" for artifact in artifacts):
        return "INSTALL.md there says what comes next"
    return "import nixos/optimux.nix from there into your configuration"


def _check_against_schema(plan: Plan, artifacts: Sequence[Artifact]) -> None:
    """Let libvirt's schema judge the domains, where the machine has the planned version of it."""
    from optimux.libvirt.schema import is_oracle_for, violations

    if not is_oracle_for(plan.host.platform.libvirt):
        return
    for artifact in artifacts:
        if artifact.path.startswith("domains/") and (lines := violations(artifact.content.decode())):
            key = artifact.path.removeprefix("domains/").removesuffix(".xml")
            if any(domain.key == key and not domain.extra_xml.is_empty for domain in plan.domains):
                remedy = "Correct the fragment: it is well-formed, but not where libvirt expects it."
                allowed = f"what the schema of libvirt {plan.host.platform.libvirt} allows"
                raise InvalidInput([Problem(f"vms.{key}.extraXml", lines[0], allowed, remedy)])
            raise OptimuxError(f"libvirt's schema refuses {artifact.path}: {'; '.join(lines)}")
