"""The files that come with Optimux: data beside the code, scripts and pages that it hands on."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def shipped(path: str) -> bytes:
    """The content of a file by its path below the package, such as ``emit/nixos_host.nix``."""
    return (Path(__file__).parent / path).read_bytes()


def shipped_table(path: str) -> dict[str, Any]:
    """One that is TOML, as tomllib reads it."""
    import tomllib

    return tomllib.loads(shipped(path).decode())
