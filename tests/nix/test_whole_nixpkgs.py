"""The flake over the real nixpkgs, where ``<nixpkgs>`` is a whole one: every example and every VM test evaluated."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab.errors import Refused
from lab.nix.evaluator import evaluate
from lab.nix.standin import Nix, needed, write_checkout
from tests.golden_cases import EXAMPLES

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.xdist_group("nixpkgs")
VM_TESTS = EXAMPLES.parent / "vm-tests"
NAMES = [f"module-{path.stem}" for path in sorted(EXAMPLES.glob("*.toml"))]
NAMES += [f"vm-{path.stem}" for path in sorted(VM_TESTS.glob("*.nix"))]


@pytest.fixture(scope="module")
def drv_path(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Evaluates a check of the flake to the path of its derivation, without import from one."""
    needed()
    nixpkgs = whole_nixpkgs()
    if nixpkgs is None:
        pytest.skip("<nixpkgs> has no nixos/: put a whole nixpkgs on NIX_PATH")
    folder = tmp_path_factory.mktemp("nixpkgs")
    nix, checkout = Nix(folder), write_checkout(folder / "checkout")
    inputs = ("--override-input", "nixpkgs", f"path:{nixpkgs}", "--no-write-lock-file")
    no_import = ("--option", "allow-import-from-derivation", "false")

    def found(name: str) -> str:
        return nix("eval", "--raw", f"path:{checkout}#checks.x86_64-linux.{name}.drvPath", *inputs, *no_import)

    return found


def whole_nixpkgs() -> Path | None:
    """Where nixpkgs is, if it is more than its library."""
    try:
        found = Path(evaluate("--expr", "toString <nixpkgs>"))
    except Refused:
        return None
    return found if (found / "nixos/lib/eval-config.nix").exists() else None


@pytest.mark.parametrize("name", NAMES)
def test_it_evaluates(name: str, drv_path: Callable[[str], str]) -> None:
    assert drv_path(name).endswith(".drv")
