"""One VM and a thousand VMs in one configuration: the cost of each further VM."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bench.generate import EXAMPLE
from bench.measure import best_of
from optimux.emit.bundle import bundle
from optimux.files import read_toml
from optimux.plan import plan_from


def report(count: int) -> Iterator[str]:
    """Milliseconds a VM at several sizes, and how flat they are."""
    seconds = {size: best_of(lambda data=_data(size): bundle(plan_from(data)), count) for size in (1, 100, 1000)}
    few = (seconds[100] - seconds[1]) / 99
    many = (seconds[1000] - seconds[100]) / 900
    yield f"plan and bundle inside one process, fastest of {count}"
    yield from (f"  {size:5} VMs {value * 1000:9.1f} ms" for size, value in seconds.items())
    yield f"  each further VM: {few * 1000:.3f} ms up to 100, {many * 1000:.3f} ms up to 1000, ratio {many / few:.2f}"


def _data(size: int) -> dict[str, Any]:
    """The example with ``size`` VMs that take turns with its GPU."""
    data = read_toml(str(EXAMPLE))
    (vm,) = data["vms"].values()
    bare = {key: value for key, value in vm.items() if key not in ("uuid", "networks")}
    data["vms"] = {f"vm{number}": bare for number in range(size)}
    return data
