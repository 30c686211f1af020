"""``optimux detect``: what the machine is, and whether its GPU can be given away."""

from __future__ import annotations

from typing import Any

import click

from optimux.cli.verb import Verb

EXAMPLES = """\b
Examples:
  optimux detect
  optimux detect --json > facts.json && optimux generate optimux.toml -o out/ --facts facts.json
  optimux detect --root recorded/         a recorded tree: a folder, or a tar of one
"""


@click.command("detect", cls=Verb, epilog=EXAMPLES)
@click.option("--root", metavar="DIR", help="Read a recorded tree, a folder or a tar, and nothing of this machine.")
@click.option("--json", "as_json", is_flag=True, help="Print facts, verdicts and evidence as JSON.")
def command(root: str | None, as_json: bool) -> int:
    """Show what this machine is, whether its GPU can be given to a VM, and the evidence.

    Takes no privileges, and wakes no device that sleeps.
    """
    from optimux.facts.detect import Root, detect
    from optimux.judge.gpus import verdicts
    from optimux.judge.usb import usb_verdicts

    facts = detect(Root.of_a_machine(root))
    judged = verdicts(facts)
    if as_json:
        import json

        from optimux.declare import Table
        from optimux.facts import Facts

        data: dict[str, Any] = {
            "facts": Table(Facts).written(facts),
            "gpus": [verdict.as_data() for verdict in judged],
            "usb": [verdict.as_data() for verdict in usb_verdicts(facts)],
        }
        click.echo(json.dumps(data, indent=2, ensure_ascii=False))
        return 0
    from optimux.cli.detect_picture import draw

    draw(facts, judged)
    return 0
