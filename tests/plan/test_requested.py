"""What the user of a configuration stated, beside what is a default."""

from __future__ import annotations

from typing import Any

import pytest

from optimux.options.load import load
from optimux.plan.requested import Requested
from optimux.plan.resolve import plan_from, resolve

HOST = {"distribution": "debian", "cpuVendor": "intel"}
VM: dict[str, Any] = {
    "memory": "8GiB",
    "machine": None,
    "cpu": {"mode": "host-passthrough", "topology": {"cores": 4}},
    "disks": [{"source": "/a.qcow2"}, {"source": "/b.qcow2", "bus": "sata"}],
    "networks": [],
    "cpuTune": {"vcpuPin": {"0": "2"}},
}
SHARED = {"size": "128MiB", "windows": {"capture": "d12"}}


def _requested(looking_glass: dict[str, Any] | None = None) -> Requested:
    vm = VM | ({"lookingGlass": looking_glass} if looking_glass else {})
    (domain,) = plan_from({"host": HOST, "lookingGlass": SHARED, "vms": {"win": vm}}).domains
    return domain.requested


def test_every_stated_key_by_its_path() -> None:
    assert list(_requested()) == [
        "memory",
        "cpu.mode",
        "cpu.topology.cores",
        "disks[0].source",
        "disks[1].source",
        "disks[1].bus",
        "networks",
        "cpuTune.vcpuPin.0",
        "lookingGlass.size",
        "lookingGlass.windows.capture",
    ]


@pytest.mark.parametrize(
    ("path", "stated"),
    {
        "memory": True,
        "cpu": True,
        "cpu.mode": True,  # its default, but written
        "cpu.cache": False,
        "disks": True,
        "disks[1].bus": True,
        "disks[0].bus": False,
        "networks": True,  # none are wanted
        "machine": False,  # null
        "video": False,
        "lookingGlass.size": True,
        "lookingGlass.windows": True,
        "lookingGlass.release": False,
    }.items(),
)
def test_states(path: str, stated: bool) -> None:
    assert _requested().states(path) is stated


def test_a_vms_own_table_replaces_the_shared_one_of_that_name() -> None:
    mine = _requested({"windows": {"throttleFPS": 60}})
    assert [path for path in mine if path.startswith("lookingGlass")] == [
        "lookingGlass.windows.throttleFPS",
        "lookingGlass.size",
    ]
    assert mine.states("lookingGlass.windows")
    assert mine.states("lookingGlass.size")
    assert not mine.states("lookingGlass.windows.capture")


def test_of_options_without_their_text_what_is_no_default_counts() -> None:
    options = load({"host": HOST, "lookingGlass": SHARED, "vms": {"win": VM}})
    (domain,) = resolve(options).domains
    assert domain.requested.states("disks[1].bus")
    assert domain.requested.states("lookingGlass.size")
    assert not domain.requested.states("cpu.mode")
