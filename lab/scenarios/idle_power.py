"""Scenario 6: how far idle functions sleep under vfio-pci.

Emulated devices cannot show D3cold: it takes a root port that cuts the power. e1000e reaches D3hot; the emulated card
has no power management of its own and stays in D0 though it is suspended.
"""

from __future__ import annotations

import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.scenarios import l2, power

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lab.scenarios.l2 import Seen

_LONG_ENOUGH = 10  # idle functions are suspended within a second
_SECONDS = 60
_AWAKE = {"driver": "vfio-pci", "status": "active", "power": "D0"}
_ASLEEP = {"driver": "vfio-pci", "status": "suspended", "control": "auto", "d3cold_allowed": "1"}


def proven(options: str, xml: str, deep: str) -> str:
    """On this machine: awake while the VM runs, asleep after it, ``deep`` in D3hot; the power states, in words."""
    seen = l2.seen(l2.once(options, xml))
    awake_while_the_vm_runs(seen)
    asleep_after_the_vm(seen, deep)
    return ", ".join(f"{address} {found['power']}" for address, found in seen.values["stopped"].items())


def awake_while_the_vm_runs(seen: Seen) -> None:
    """A guest's functions are in D0."""
    _assert_all(seen.values["running"], _AWAKE)


def asleep_after_the_vm(seen: Seen, deep: str) -> None:
    """vfio-pci has them again and suspends them; ``deep`` is the one that can be put into D3hot."""
    stopped = seen.values["stopped"]
    _assert_all(stopped, _ASLEEP)
    assert stopped[deep]["power"] == "D3hot", stopped[deep]


def stays_awake(addresses: Sequence[str]) -> None:
    """Twin: with ``disable_idle_d3=1`` idle functions are in D0, however long."""
    time.sleep(_LONG_ENOUGH)
    _assert_all({address: power.state(address) for address in addresses}, _AWAKE)


def stays_awake_with(files: dict[str, str], addresses: Sequence[str]) -> None:
    """The same under other host files, for which vfio-pci is loaded anew; they are put back."""
    with _installed(files):
        stays_awake(addresses)


def sleeps_with(files: dict[str, str], deep: str) -> None:
    """The twin's twin: loading vfio-pci anew is not what keeps functions awake."""
    with _installed(files):
        found = power.settled(deep)
    _assert_all({deep: found}, _ASLEEP | {"power": "D3hot"})


@contextmanager
def _installed(files: dict[str, str]) -> Iterator[None]:
    kept = {path: Path(path).read_text() for path in files}
    try:
        _reload(files)
        yield
    finally:
        _reload(kept)


def _assert_all(states: dict[str, dict[str, Any]], wanted: dict[str, str]) -> None:
    assert states, "no function was looked at"
    for address, found in states.items():
        assert {key: found[key] for key in wanted} == wanted, (address, found)


def _reload(files: dict[str, str]) -> None:
    for path, text in files.items():
        Path(path).write_text(text)
    _run("udevadm", "control", "--reload")
    _run("modprobe", "-r", "vfio-pci")
    _run("modprobe", "vfio-pci")
    _run("udevadm", "settle", f"--timeout={_SECONDS}")


def _run(*command: str) -> None:
    subprocess.run(command, check=True, timeout=_SECONDS + 10)
