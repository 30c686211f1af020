"""``generate --check``: what writing would change, for a reader."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from optimux.bundle.compare import Comparison
from optimux.bundle.folder import compare, contents
from optimux.cli.difference import write_difference
from optimux.cli.report import FAILED, say
from optimux.emit.artifact import Artifact


def print_difference(artifacts: Sequence[Artifact], folder: Path, as_json: bool) -> int:
    """Print unified differences, or the paths as JSON; 0 when the folder is up to date, else 1."""
    comparison = compare(artifacts, folder)
    if as_json:
        import json

        click.echo(json.dumps({key: getattr(comparison, key) for key in comparison._fields}, indent=2))
        return 0 if comparison.is_current else FAILED
    if comparison.is_current:
        say(f"{folder} is up to date: {len(artifacts)} files")
        return 0
    _print(artifacts, folder, comparison)
    force = " and with --force, as some of them are yours" if comparison.foreign else ""
    say(f"{folder} is not up to date; run again without --check{force}")
    return FAILED


def _print(artifacts: Sequence[Artifact], folder: Path, comparison: Comparison) -> None:
    wanted = {artifact.path: artifact for artifact in artifacts}
    present = contents(folder, comparison.changed)
    for path in sorted((*comparison.added, *comparison.changed)):
        artifact = wanted[path]
        if present.get(path) == artifact.content:
            click.echo(f"{path}: permissions are not {artifact.mode:04o}")
        write_difference(present.get(path, b""), artifact.content, path, ("written/", "wanted/"))
    for path in comparison.obsolete:
        click.echo(f"Only in {folder}: {path} (no longer generated)")
