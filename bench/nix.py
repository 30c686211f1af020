"""What the NixOS module adds to ``lib.evalModules`` over the same configuration without it: thunks and CPU time."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from optimux.nix_text import string
from optimux.record import Record

CHECKOUT = Path(__file__).parent.parent
FILE = Path(__file__).with_suffix(".nix")
# The most that one VM may add, and each further one.
MOST_THUNKS, MOST_MILLISECONDS, MOST_FURTHER = 60_000, 25, 25_000
FURTHER = (2, 5, 10, 20)


class Cost(Record):
    """One evaluation, by NIX_SHOW_STATS: how many thunks, and milliseconds of CPU."""

    thunks: int
    milliseconds: float


def report(count: int) -> Iterator[str]:
    """Lines for a reader: with the module less without it, in turn, for one VM and for more."""
    if (missing := _missing()) is not None:
        yield f"NixOS module: left out, {missing}"
        return
    yield f"NixOS module: what importing and enabling it adds to lib.evalModules ({count} runs each, in turn)"
    one = _added(1, count)
    yield f"  one VM       {one.thunks:7,} thunks {_of(one.thunks, MOST_THUNKS)}"
    yield f"  one VM       {one.milliseconds:7.1f} ms     {_of(one.milliseconds, MOST_MILLISECONDS)}"
    for vms in FURTHER:
        each = (_added(vms, 1).thunks - one.thunks) // (vms - 1)
        yield f"  {vms:2} VMs, each further {each:7,} thunks {_of(each, MOST_FURTHER)}"
    yield from _against_nixvirt(count)


def _of(value: float, most: int) -> str:
    return f"of {most:,} allowed" if value <= most else f"MORE than the {most:,} allowed"


def _missing() -> str | None:
    if shutil.which("nix-instantiate") is None:
        return "nix-instantiate is missing (Debian: nix-bin)"
    found = subprocess.run(
        ["nix-instantiate", "--store", "dummy://", "--find-file", "nixpkgs/lib"], capture_output=True
    )
    return None if found.returncode == 0 else "<nixpkgs/lib> does not resolve"


def _added(vms: int, count: int) -> Cost:
    """The median of the differences, pair by pair."""
    cost(False, vms)
    pairs = [(cost(True, vms), cost(False, vms)) for _ in range(count)]
    return Cost(
        pairs[0][0].thunks - pairs[0][1].thunks,
        statistics.median(ours.milliseconds - theirs.milliseconds for ours, theirs in pairs),
    )


def cost(with_module: bool, vms: int) -> Cost:
    """Evaluate the whole configuration; everything that NixOS would look at is forced."""
    arguments = ["--arg", "withModule", json.dumps(with_module), "--arg", "vms", str(vms)]
    return _evaluate(str(FILE), *arguments)


def _evaluate(*arguments: str) -> Cost:
    command = ["nix-instantiate", "--store", "dummy://", "--eval", "--strict", *arguments]
    environment = os.environ | {"NIX_SHOW_STATS": "1", "NIX_CONFIG": "build-users-group ="}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    stats: dict[str, Any] = json.loads(done.stderr[done.stderr.index("{") :])
    return Cost(int(stats["nrThunks"]), float(stats["cpuTime"]) * 1000)


def _against_nixvirt(count: int) -> Iterator[str]:
    """NixVirt's Windows template to XML, where NIXVIRT names a checkout of that repository."""
    checkout = os.environ.get("NIXVIRT")
    if not checkout:
        yield "  against NixVirt: left out, NIXVIRT names no checkout of it"
        return
    packages = '{ OVMFFull.fd = "/ovmf"; OVMF.fd = "/ovmf"; virtio-win.src = "/virtio-win.iso"; qemu = "/qemu"; }'
    template = '{ name = "windows"; uuid = "cc7439ed-36af-4696-a6f2-1f0c4474d87e"; nvram_path = /n.fd; }'
    expression = (
        f"let d = (import (/. + {string(checkout)} + /lib.nix) {{ packages = {packages}; }}).domain; "
        f"in d.getXML (d.templates.windows {template})"
    )
    pairs = [(_evaluate("--expr", expression), _evaluate("--expr", "null")) for _ in range(count)]
    theirs = statistics.median(whole.milliseconds - start.milliseconds for whole, start in pairs)
    ours = _added(1, count).milliseconds
    yield "  side by side: this module types, checks and plans the host; NixVirt's Windows template writes untyped XML"
    yield f"  one VM       {ours:7.1f} ms     against {theirs:.1f} ms, ratio {ours / theirs:.2f}"
