"""``optimux ssdt``: the battery table alone, written or read."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from optimux.cli.verb import Verb
from optimux.errors import InvalidInput, Problem
from optimux.files.acpi_tables import MOST_TABLE
from optimux.files.read import named, read_bytes

EPILOG = """\b
Examples:
  optimux ssdt -o battery.aml             today's table
  optimux ssdt --asl                      its source
  optimux ssdt --variant battery-only -o ssdt1.dat
  optimux ssdt --decode /sys/firmware/acpi/tables/SSDT1
"""


class VariantName(click.Choice[str]):
    """The words of ``battery.variant``; a former one is taken with a note, as in a configuration."""

    def __init__(self) -> None:
        super().__init__(["full", "battery-only"])

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value == "article":
            from optimux.cli.report import say

            say('"article" is a former name: write --variant battery-only, it means the same')
            return "battery-only"
        return super().convert(value, param, ctx)


# click keeps the help option of the first run, which may be one without the group around it.
@click.command("ssdt", cls=Verb, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--variant", type=VariantName(), help="Which table: full (default) or battery-only.")
@click.option("--asl", is_flag=True, help="The source instead of the table.")
@click.option("--decode", "source", metavar="FILE", help="Read a table back; - is standard input.")
@click.option("--json", "as_json", is_flag=True, help="What the table holds, as JSON.")
@click.option("-o", "--output", metavar="FILE", help="Write to a file instead of standard output.")
def command(variant: str | None, asl: bool, source: str | None, as_json: bool, output: str | None) -> None:
    """Write the table of a full battery, or read one back."""
    run_ssdt(variant, asl, source, as_json, output)


def run_ssdt(variant: str | None, asl: bool, source: str | None, as_json: bool, output: str | None) -> None:
    """Do what the options say. Raises ``InvalidInput`` and ``OptimuxError``."""
    if problems := [*_clashes(variant, asl, source, as_json)]:
        raise InvalidInput(problems)
    result = read_back(source, as_json) if source is not None else generate(variant or "full", asl, as_json)
    binary = source is None and not (asl or as_json)
    if output and output != "-":
        from optimux.files.replace import replace_file

        replace_file(Path(output), result, 0o644)
    elif binary and sys.stdout.isatty():
        problem = Problem("standard output", "a terminal", "a file or a pipe for the table's bytes", "Add -o FILE.")
        raise InvalidInput([problem])
    else:
        sys.stdout.buffer.write(result)
        sys.stdout.buffer.flush()


def _clashes(variant: str | None, asl: bool, source: str | None, as_json: bool) -> list[Problem]:
    pairs = {
        ("--decode", "--variant"): source is not None and variant,
        ("--decode", "--asl"): source is not None and asl,
        ("--asl", "--json"): asl and as_json,
    }
    return [
        Problem(first, f"together with {second}", "one of the two", "Leave one out.")
        for (first, second), given in pairs.items()
        if given
    ]


def generate(variant: str, asl: bool, as_json: bool) -> bytes:
    """A variant's table, its source, or what it holds as JSON."""
    from optimux.acpi.battery import battery_asl, battery_table
    from optimux.plan.battery import BATTERY_ONLY, FULL

    battery = BATTERY_ONLY if variant == "battery-only" else FULL
    if asl:
        return battery_asl(battery).encode("ascii")
    table = battery_table(battery)
    return describe(table, variant, as_json) if as_json else table


def read_back(source: str, as_json: bool) -> bytes:
    """The report on a file's table. Raises ``InvalidInput`` for what is unreadable or no table."""
    from optimux.acpi.text_forms import from_text
    from optimux.cli.report import say

    found, name = from_text(read_bytes(source, MOST_TABLE)), named(source)
    if found.form:
        say(f"{name} is {found.form}: the table of {len(found.table)} bytes is read out of it")
    return describe(found.table, name, as_json)


def describe(table: bytes, source: str, as_json: bool) -> bytes:
    """The report on a table's bytes, or the same as JSON."""
    import json

    from optimux.acpi.decode import decode
    from optimux.acpi.report import as_data, as_text

    decoded = decode(table, source)
    text = json.dumps(as_data(decoded), indent=2) + "\n" if as_json else as_text(decoded)
    return text.encode("utf-8")
