"""Plans for these tests: two VMs that take turns with one GPU, and what each test changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optimux.options.load import load
from optimux.plan.resolve import resolve

if TYPE_CHECKING:
    from optimux.plan.model import Plan

GPUS = {
    "dgpu": {"functions": [{"address": "0000:01:00.0", "id": "10de:249d"}]},
    "egpu": {"functions": [{"address": "0000:05:00.0", "id": "10de:2484"}]},
}


def plan(looking_glass: dict[str, Any] | None = None, **vms: dict[str, Any]) -> Plan:
    """A plan with ``lookingGlass`` and the VMs of the keywords; without any, one VM ``win11`` with a GPU."""
    vms = vms or {"win11": {}}
    machines = {key: {"memory": "8GiB", "gpu": "dgpu"} | vm for key, vm in vms.items()}
    used = {vm.get("gpu") for vm in machines.values()}
    return resolve(
        load(
            {
                "host": {"distribution": "debian", "cpuVendor": "intel"},
                "gpus": {name: gpu for name, gpu in GPUS.items() if name in used},
                "lookingGlass": looking_glass or {},
                "vms": machines,
            }
        )
    )
