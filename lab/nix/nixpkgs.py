"""nixpkgs as flake.lock pins it, for machines on which <nixpkgs/lib> does not resolve.

``python -m lab.nix.nixpkgs`` prints the folder, fetched first where it is not in the cache, or nothing; what it does it
says on standard error. OPTIMUX_NIXPKGS names another place of the same archive.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING

from lab import CHECKOUT, cache
from lab.errors import Unavailable
from optimux.record import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

_REPLY_SECONDS = 20
_UNPACK_SECONDS = 600


class Pin(Record):
    """A revision of nixpkgs: where its archive is, and the hash of what is in it, as Nix writes it."""

    rev: str
    url: str
    nar_hash: str


def pin_of(lock: Path, environment: Mapping[str, str]) -> Pin:
    """What ``flake.lock`` says."""
    locked = json.loads(lock.read_text(encoding="utf-8"))["nodes"]["nixpkgs"]["locked"]
    url = f"https://github.com/{locked['owner']}/{locked['repo']}/archive/{locked['rev']}.tar.gz"
    return Pin(locked["rev"], environment.get("OPTIMUX_NIXPKGS") or url, locked["narHash"])


def fetched(pin: Pin, folder: Path) -> Path:
    """The unpacked archive below ``folder``. Raises ``Unavailable``; then nothing is left behind."""
    target = folder / pin.rev
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.is_dir():
            with tempfile.TemporaryDirectory(dir=folder) as half:
                _checked(_unpacked(_archive(pin, Path(half)), Path(half)), pin).rename(target)
    return target


def _archive(pin: Pin, folder: Path) -> Path:
    _say(f"fetching nixpkgs {pin.rev[:12]}, which flake.lock pins, from {pin.url} (once, some 50 MB)")
    path = folder / "archive"
    try:
        with urllib.request.urlopen(pin.url, timeout=_REPLY_SECONDS) as reply, path.open("wb") as file:
            shutil.copyfileobj(reply, file)
    except OSError as error:
        raise Unavailable(f"{pin.url} cannot be fetched: {error}") from error
    return path


def _unpacked(archive: Path, folder: Path) -> Path:
    source = folder / "source"
    source.mkdir()
    _run("tar", "--extract", f"--file={archive}", f"--directory={source}", "--strip-components=1", "--no-same-owner")
    return source


def _checked(source: Path, pin: Pin) -> Path:
    _say("checking that it is what flake.lock names")
    found = nar_hash(source)
    if found != pin.nar_hash:
        raise Unavailable(f"{pin.url} is not what flake.lock names: {found}, not {pin.nar_hash}")
    return source


def nar_hash(folder: Path) -> str:
    """What flake.lock would say of a folder. Nix before 2.20 prints hexadecimal alone. Raises ``Unavailable``."""
    digest = bytes.fromhex(_run("nix-hash", "--type", "sha256", str(folder)).strip())
    return f"sha256-{b64encode(digest).decode()}"


def _run(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_UNPACK_SECONDS, check=False)
    except OSError as error:
        raise Unavailable(f"{command[0]} cannot be run: {error.strerror}") from error
    if done.returncode:
        raise Unavailable(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def _resolves() -> bool:
    command = ["nix-instantiate", "--store", "dummy://", "--find-file", "nixpkgs/lib"]
    return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0


def _say(words: str) -> None:
    print(f"dev: {words}", file=sys.stderr, flush=True)


def main() -> None:
    """Print the folder where the tests need it."""
    if shutil.which("nix-instantiate") is None or _resolves():
        return
    try:
        print(fetched(pin_of(CHECKOUT / "flake.lock", os.environ), cache() / "nixpkgs"))
    except Unavailable as reason:
        _say(f"{reason}; the tests that evaluate NixOS modules are skipped")


if __name__ == "__main__":
    main()
