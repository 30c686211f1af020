"""Disks stand in the kernel's order of their names, where letters alone would have it otherwise."""

from __future__ import annotations

import pytest

from optimux.facts import Facts
from optimux.plan.resolve import plan_from
from tests.bad_input.edits import VM, Edits, edited


@pytest.mark.parametrize(
    ("bus", "stated", "order"),
    [
        ("scsi", ["sdaa", "sdb"], ["sdb", "sdaa"]),
        ("scsi", ["sdc", "sdb"], ["sdb", "sdc"]),
        ("nvme", ["nvme10n1", "nvme9n1"], ["nvme9n1", "nvme10n1"]),
    ],
)
def test_shorter_names_come_first(bus: str, stated: list[str], order: list[str]) -> None:
    disks = [{"source": f"/var/lib/{target}.img", "bus": bus, "target": target} for target in stated]
    new: Edits = {"host.libvirtVersion": "12.2", "host.qemuVersion": "11.0"}
    plan = plan_from(edited({f"{VM}.disks": disks, **new}), Facts())
    assert [disk.target for disk in plan.domains[0].disks] == order
