"""``init --nix``: the real Nix evaluator takes what it writes, on every recorded machine, and plans the same."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from optimux.cli import run
from optimux.options.nix import FROM_CONFIG
from tests.detect.tree import described, names, plant, put
from tests.nix.nixos import Case, evaluated

if TYPE_CHECKING:
    from pathlib import Path

# nixpkgs has no client of the release that a card without outputs needs.
UNAVOIDABLE = re.compile("lookingGlass.release: found idd")
WANTED = ("failed", "plan", "warnings")


def _written(folder: Path, name: str) -> tuple[Path, Any]:
    """The module that init writes of a machine that runs NixOS, and what it writes as TOML."""
    tree = plant(folder / "tree", described(name))
    put(tree, "/etc/os-release", 'ID=nixos\nPRETTY_NAME="NixOS 25.11"\n')
    put(tree, "/etc/passwd", "ada:x:1000:1000::/home/ada:/bin/bash\n")
    module, config = folder / "optimux.nix", folder / "optimux.toml"
    for arguments in (("--nix", "-o", str(module)), ("-o", str(config))):
        assert run(["init", "--root", str(tree), "--yes", "--anyway", *arguments]) == 0
    return module, tomllib.loads(config.read_text())


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Any, Any]]:
    """By machine: what the module adds up to, and what the same options as data do."""
    folder = tmp_path_factory.mktemp("init")
    cases: list[Case] = []
    for name in names():
        module, data = _written(folder / name, name)
        host = data["host"]  # what NixOS knows of itself, and the module leaves to it
        data["host"] = {key: value for key, value in host.items() if f"host.{key}" not in FROM_CONFIG}
        data["host"] |= {"cpuVendor": host["cpuVendor"]}
        bare = {"host": {"distribution": "nixos", "cpuVendor": data["host"]["cpuVendor"]}}
        cases.append(Case(bare, users=("ada",), extra=str(module), wanted=WANTED))
        cases.append(Case(data, users=("ada",), wanted=WANTED))
    found = [item["native"] for item in evaluated(cases, folder)]
    return dict(zip(names(), zip(found[::2], found[1::2], strict=True), strict=True))


@pytest.mark.parametrize("name", names())
def test_nix_takes_it(name: str, results: dict[str, tuple[Any, Any]]) -> None:
    by_module, by_data = results[name]
    assert by_module["failed"] == []
    assert [warning for warning in by_module["warnings"] if not UNAVOIDABLE.search(warning)] == []
    assert by_module == by_data


def test_the_module_is_what_decides(results: dict[str, tuple[Any, Any]]) -> None:
    """Two machines differ: the plan is not the bare configuration's that stands beside the module."""
    assert results["omen-17-ck0"][0]["plan"] != results["xps-15-9560"][0]["plan"]
