"""What several artifacts read is decided once: whose a table is, whom the client shows, what is needed."""

from __future__ import annotations

from typing import Any

import pytest

from optimux.emit.artifact import HostFile
from optimux.emit.host import host_entries
from optimux.emit.modprobe import vfio_options
from optimux.errors import InvalidInput
from optimux.plan.model import Plan
from optimux.plan.resolve import plan_from

CARD = {"functions": [{"address": "0000:01:00.0", "id": "10de:249d"}]}


def _plan(vms: dict[str, Any], card: dict[str, Any] | None = None, **tables: Any) -> Plan:
    host = {"distribution": "arch", "cpuVendor": "intel"}
    each = {name: {"memory": "1GiB", "gpu": "card", **vm} for name, vm in vms.items()}
    glass = {"user": "me", "displays": [{"width": 1920, "height": 1080}]}
    return plan_from(
        {"host": host, "gpus": {"card": CARD | (card or {})}, "lookingGlass": glass, "vms": each, **tables}
    )


def _written(plan: Plan) -> set[str]:
    return {entry.path for entry in host_entries(plan) if isinstance(entry, HostFile)}


def test_a_shared_table_belongs_to_the_first() -> None:
    shared = {"battery": {"path": "/var/lib/libvirt/acpi/shared.aml"}}
    plan = _plan({"b": shared, "a": shared, "c": {"battery": {"enable": False}}})
    assert [(table.key, table.path) for table in plan.battery_tables] == [("b", "/var/lib/libvirt/acpi/shared.aml")]
    other = {"battery": {**shared["battery"], "capacity": 50_000}}
    with pytest.raises(InvalidInput, match=r"another table at vms\.b"):
        _plan({"b": shared, "a": other})


@pytest.mark.parametrize(("path", "is_written"), [("/nix/store/0-battery.aml", False), ("/srv/battery.aml", True)])
def test_a_table_in_the_store_is_the_users_own(path: str, is_written: bool) -> None:
    plan = _plan({"win": {"battery": {"path": path}}})
    assert (path in _written(plan)) is is_written
    assert plan.domains[0].battery_path == path


def test_the_client_is_for_the_first_that_has_one() -> None:
    vms: dict[str, Any] = {
        "dark": {"lookingGlass": {"enable": False}},
        "bare": {"lookingGlass": {"installClient": False}},
        "seen": {},
    }
    plan = _plan(vms)
    assert [domain.key for domain in plan.clients] == ["seen"]
    assert "clientB7" in plan.software
    del vms["seen"]
    plan = _plan(vms)
    assert (plan.clients, "clientB7" in plan.software) == ((), False)
    assert "/etc/looking-glass-client.ini" not in _written(plan)


@pytest.mark.parametrize(
    ("card", "options"),
    [
        ({}, ("ids=10de:249d",)),
        ({"bind": "address"}, ()),
        (
            {"disableVga": True, "disableIdleD3": True, "d3coldAllowed": False},
            ("ids=10de:249d", "disable_idle_d3=1", "disable_vga=1"),
        ),
    ],
)
def test_the_parameters_of_vfio_pci(card: dict[str, Any], options: tuple[str, ...]) -> None:
    assert vfio_options(_plan({"win": {}}, card)) == options


@pytest.mark.parametrize(
    ("distribution", "bind", "vm", "hook"),
    [
        ("nixos", "id", {}, True),
        ("debian", "id", {}, False),
        ("debian", "on-demand", {}, True),
        ("debian", "id", {"hooks": {"prepare": ["/bin/true"]}}, True),
        ("nixos", "id", {"gpu": None}, False),
    ],
)
def test_whether_there_is_a_hook(distribution: str, bind: str, vm: dict[str, Any], hook: bool) -> None:
    host = {"distribution": distribution, "cpuVendor": "intel"}
    assert _plan({"win": vm}, {"bind": bind}, host=host).has_hook is hook
