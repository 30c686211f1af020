"""``optimux schema``: what the options are, for editors and readers."""

from __future__ import annotations

import click

from optimux.cli.verb import Verb

EXAMPLES = """\b
Examples:
  optimux schema > optimux.schema.json
  optimux schema --format markdown
  optimux schema --format nix > nixos-modules/options.nix
  optimux schema --facts
"""


@click.command("schema", cls=Verb, epilog=EXAMPLES)
@click.option(
    "--format",
    "form",
    type=click.Choice(["json", "markdown", "nix"]),
    default="json",
    show_default=True,
    help="What to print.",
)
@click.option("--facts", is_flag=True, help="The facts' schema instead of the options'.")
def command(form: str, facts: bool) -> None:
    """Print the option set as JSON Schema, as a reference page or as NixOS options."""
    if facts and form == "nix":
        from optimux.errors import InvalidInput, Problem

        raise InvalidInput([Problem("--facts", "together with --format nix", "json or markdown", "Leave one out.")])
    from optimux.facts import Facts
    from optimux.options.model import Options

    table = Facts if facts else Options
    if form == "markdown":
        from optimux.options.markdown import markdown

        click.echo(markdown(table), nl=False)
        return
    if form == "nix":
        from optimux.options.nix import nix_options

        click.echo(nix_options(table), nl=False)
        return
    import json

    from optimux.options.schema import json_schema

    title = "Facts of a host, for Optimux" if facts else "Options of Optimux"
    click.echo(json.dumps(json_schema(table, title), indent=2, ensure_ascii=False))
