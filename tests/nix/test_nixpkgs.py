"""The pinned nixpkgs: fetched once, checked by its hash, offered to the tests; from an archive on this machine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from typing import TYPE_CHECKING

import pytest

from lab import CHECKOUT
from lab.errors import Unavailable
from lab.nix.nixpkgs import Pin, fetched, nar_hash, pin_of

if TYPE_CHECKING:
    from pathlib import Path

EMPTY = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="


@pytest.fixture
def pin(tmp_path: Path) -> Pin:
    """A nixpkgs of one file, as an archive in which, as in the forge's, one folder holds everything."""
    if shutil.which("nix-hash") is None:
        pytest.skip("no nix-hash (Debian: nix-bin)")
    source = tmp_path / "nixpkgs-0123"
    (source / "lib").mkdir(parents=True)
    (source / "lib/default.nix").write_text("{ version = 42; }\n")
    with tarfile.open(tmp_path / "archive.tar.gz", "w:gz") as archive:
        archive.add(source, source.name)
    return Pin("0123", (tmp_path / "archive.tar.gz").as_uri(), nar_hash(source))


def test_it_is_unpacked_once(pin: Pin, tmp_path: Path) -> None:
    folder = fetched(pin, tmp_path / "cache")
    assert (folder / "lib/default.nix").read_text() == "{ version = 42; }\n"
    (tmp_path / "archive.tar.gz").unlink()
    assert fetched(pin, tmp_path / "cache") == folder


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"nar_hash": EMPTY}, "is not what flake.lock names"),
        ({"url": "file:///nonexistent/archive.tar.gz"}, "cannot be fetched"),
        ({"url": (CHECKOUT / "flake.lock").as_uri()}, "tar "),
    ],
    ids=["another hash", "no network", "no archive"],
)
def test_twin_what_is_wrong_leaves_nothing(change: dict[str, str], said: str, pin: Pin, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=said):
        fetched(pin.replace(**change), tmp_path / "cache")
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["lock"]


def test_the_pin_is_the_locks() -> None:
    pin = pin_of(CHECKOUT / "flake.lock", {})
    assert pin.url.endswith(f"/{pin.rev}.tar.gz")
    assert pin.nar_hash.startswith("sha256-")
    assert pin_of(CHECKOUT / "flake.lock", {"OPTIMUX_NIXPKGS": "file:///a"}).url == "file:///a"


def _printed(pin: Pin, tmp_path: Path, nar_hash: str) -> subprocess.CompletedProcess[str]:
    """What ``dev`` asks, on a machine whose channels have no nixpkgs; the lock names the archive of ``pin``."""
    lock = json.loads((CHECKOUT / "flake.lock").read_text())
    lock["nodes"]["nixpkgs"]["locked"]["narHash"] = nar_hash
    (tmp_path / "flake.lock").write_text(json.dumps(lock))
    code = "import sys, pathlib, lab.nix.nixpkgs as n; n.CHECKOUT = pathlib.Path(sys.argv[1]); n.main()"
    settings = {"OPTIMUX_NIXPKGS": pin.url, "XDG_CACHE_HOME": str(tmp_path / "cache"), "NIX_PATH": "other=/nonexistent"}
    command = [sys.executable, "-c", code, str(tmp_path)]
    environment = os.environ | settings
    return subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False)


def test_the_tests_get_it(pin: Pin, tmp_path: Path) -> None:
    ran = _printed(pin, tmp_path, pin.nar_hash)
    folder = ran.stdout.strip()
    assert "fetching nixpkgs" in ran.stderr
    command = ["nix-instantiate", "--store", "dummy://", "--eval", "--expr", "(import <nixpkgs/lib>).version"]
    environment = os.environ | {"NIX_PATH": f"nixpkgs={folder}", "NIX_CONFIG": "build-users-group ="}
    assert subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout == "42\n"


def test_twin_without_it_they_are_skipped_as_ever(pin: Pin, tmp_path: Path) -> None:
    ran = _printed(pin, tmp_path, EMPTY)
    assert (ran.returncode, ran.stdout) == (0, "")
    assert "the tests that evaluate NixOS modules are skipped" in ran.stderr
