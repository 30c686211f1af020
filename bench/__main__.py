"""``python -m bench [PART]... [--runs N]``: every part, or those named."""

from __future__ import annotations

import argparse
import os

from bench import apply, detect, doctor, generate, growth, handover, imports, nix, patch, scale, schema

PARTS = {
    "apply": apply.report,
    "detect": detect.report,
    "doctor": doctor.report,
    "generate": generate.report,
    "growth": growth.report,
    "handover": handover.report,
    "imports": imports.report,
    "nix": nix.report,
    "patch": patch.report,
    "scale": scale.report,
    "schema": schema.report,
}


def main() -> None:
    """Print every part's figures."""
    parser = argparse.ArgumentParser(prog="bench", description="Time Optimux against its peers, side by side.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"one of {', '.join(PARTS)}; all by default")
    parser.add_argument("--runs", type=int, default=7, help="counted runs of each command (7)")
    arguments = parser.parse_args()
    if unknown := set(arguments.parts) - PARTS.keys():
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    # What is installed has its bytecode, as the peers have theirs; a first run of each command writes it.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    for part in arguments.parts or PARTS:
        for line in PARTS[part](arguments.runs):
            print(line, flush=True)


if __name__ == "__main__":
    main()
