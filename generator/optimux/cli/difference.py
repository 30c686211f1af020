"""``generate --check``: what writing would change, for a reader."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from optimux.bundle.folder import compare
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
    wanted = {artifact.path: artifact for artifact in artifacts}
    for path in sorted((*comparison.added, *comparison.changed)):
        old = folder / path
        before = old.read_bytes() if old.is_file() else b""
        click.echo(_difference(path, before, wanted[path]), nl=False)
    for path in comparison.obsolete:
        click.echo(f"Only in {folder}: {path} (no longer generated)")
    force = " and with --force, as some of them are yours" if comparison.foreign else ""
    say(f"{folder} is not up to date; run again without --check{force}")
    return FAILED


def _difference(path: str, before: bytes, artifact: Artifact) -> str:
    import difflib

    try:
        old, new = before.decode().splitlines(keepends=True), artifact.content.decode().splitlines(keepends=True)
    except UnicodeDecodeError:
        return f"Binary file {path} differs: {len(before)} and {len(artifact.content)} bytes\n"
    if before == artifact.content:
        return f"{path}: permissions are not {artifact.mode:04o}\n"
    lines = list(difflib.unified_diff(old, new, f"written/{path}", f"wanted/{path}"))
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)
