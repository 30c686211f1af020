"""``python -m lab.mutation [PATH]... [--sample N] [--seed N]``: a sample of small faults, and which survived."""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from lab import CHECKOUT
from lab.mutation.equivalent import equivalents, key_of
from lab.mutation.mutants import Mutant, mutants
from lab.mutation.trial import PACKAGE, Reach, Trials

# Beside the folder of tests that has the room's own name.
_TESTS = {
    "plan": ("tests/plan", "tests/bad_input", "tests/options", "tests/test_golden.py", "tests/domain"),
    "acpi": ("tests/acpi",),
    "patch": ("tests/patch",),
    "declare": ("tests/options", "tests/bad_input"),
    "options": ("tests/options", "tests/bad_input", "tests/test_golden.py"),
    "emit": ("tests/test_golden.py", "tests/domain", "tests/looking_glass", "tests/nixos"),
    "judge": ("tests/detect", "tests/doctor"),
    "facts": ("tests/detect",),
    "files": ("tests/trust", "tests/cli"),
    "bundle": ("tests/cli", "tests/test_golden.py"),
    "host": ("tests/host", "tests/apply", "tests/doctor", "tests/handover"),
    "libvirt": ("tests/define", "tests/oracle"),
}


def main() -> int:
    """Print each survivor and the share that was noticed; 1 where it is below ``--least``."""
    options = _parser().parse_args()
    files = sorted({file for path in options.paths for file in _files(path)} or set(_changed()))
    if not files:
        print("no file of the product was changed; name a PATH")
        return 0
    known = equivalents()
    found = [mutant for file in files for mutant in mutants(file) if key_of(mutant) not in known]
    tests = options.tests or sorted({test for file in files for test in _tests_of(file)})
    share = 100.0
    with Trials(tests) as trials:
        reach = trials.reach()
        print(f"{len(reach.seconds)} tests without a fault in {sum(reach.seconds.values()):.0f} s", flush=True)
        for seed in options.seed or [random.SystemRandom().randrange(1 << 32)]:
            chosen = random.Random(seed).sample(found, min(options.sample, len(found)))
            print(f"{len(chosen)} of {len(found)} faults in {len(files)} files, seed {seed}; tests: {' '.join(tests)}")
            share = min(share, _share(trials, reach, chosen))
    return int(share < options.least)


def _share(trials: Trials, reach: Reach, chosen: list[Mutant]) -> float:
    """The share of the faults that is noticed, in per cent; the others are printed."""
    survivors = 0
    for number, mutant in enumerate(chosen, 1):
        if not trials.notice(mutant, reach):
            survivors += 1
            shown = mutant.replace(path=mutant.path.relative_to(CHECKOUT))
            print(f"survived ({number} of {len(chosen)}): {shown}", flush=True)
    share = 100 * (len(chosen) - survivors) / len(chosen)
    print(f"{len(chosen) - survivors} of {len(chosen)} noticed, {share:.0f} %", flush=True)
    return share


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./dev mutate", description="Would the tests notice a fault?")
    parser.add_argument(
        "paths", nargs="*", metavar="PATH", type=Path, help="files or folders; those changed by default"
    )
    parser.add_argument("--sample", type=int, default=40, metavar="N", help="how many faults are tried (40)")
    parser.add_argument(
        "--seed", type=int, action="append", metavar="N", help="of the choice, to repeat it; several draw as often"
    )
    parser.add_argument("--tests", action="append", metavar="PATH", help="tests to run; those of the rooms by default")
    parser.add_argument("--least", type=float, default=90, metavar="%", help="the share that must be noticed (90)")
    return parser


def _files(path: Path) -> Iterator[Path]:
    """The product's own files there. Raises ``SystemExit`` with what is wrong."""
    path = path.resolve()
    if not path.is_relative_to(PACKAGE) or not path.exists():
        sys.exit(f"{path} is no file or folder below {PACKAGE}")
    yield from [path] if path.is_file() else path.rglob("*.py")


def _changed() -> Iterator[Path]:
    """What differs from the last commit, or, where nothing does, what that commit changed."""
    for revisions in (["HEAD"], ["HEAD~1", "HEAD"]):
        done = subprocess.run(
            ["git", "diff", "--name-only", *revisions, "--", "generator"],
            cwd=CHECKOUT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        files = [CHECKOUT / name for name in done.stdout.split("\n") if name.endswith(".py")]
        if files:
            yield from (file for file in files if file.exists())
            return


def _tests_of(file: Path) -> Iterator[str]:
    room = file.relative_to(PACKAGE / "optimux").parts[0].removesuffix(".py")
    own = f"tests/{room}"
    named = (*_TESTS.get(room, ()), *([own] if (CHECKOUT / own).is_dir() else []))
    yield from named or ("tests",)


if __name__ == "__main__":
    sys.exit(main())
