"""lspci over the same tree agrees: ids, classes, drivers and groups of every function."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from optimux.facts.detect import Root, detect
from tests.detect.tree import described, names, plant

if TYPE_CHECKING:
    from pathlib import Path


def by_lspci(tree: Path) -> dict[str, dict[str, str]]:
    """What ``lspci -vmmnnk`` says, by address."""
    if shutil.which("lspci") is None:
        pytest.skip("lspci is missing (Debian: pciutils)")
    line = ["lspci", "-A", "linux-sysfs", "-O", f"sysfs.path={tree}/sys/bus/pci", "-D", "-vmmnk"]
    said = subprocess.run(line, capture_output=True, text=True, check=True, timeout=60).stdout
    found = {}
    for block in filter(None, said.split("\n\n")):
        words = dict(line_.split(":\t", 1) for line_ in block.splitlines() if ":\t" in line_)
        found[words["Slot"]] = words
    return found


@pytest.mark.parametrize("name", names())
def test_lspci_agrees(name: str, tmp_path: Path) -> None:
    tree = plant(tmp_path / "tree", described(name))
    theirs = by_lspci(tree)
    ours = {str(device.address): device for device in detect(Root.at(str(tree))).devices}
    assert ours.keys() == theirs.keys()
    for address, device in ours.items():
        words = theirs[address]
        assert f"{words['Vendor']}:{words['Device']}" == str(device.id)
        assert words["Class"] == device.pci_class
        assert words.get("Driver", "").replace(" ", "_") == (device.driver or "")
        assert words.get("IOMMUGroup") == (None if device.iommu_group is None else str(device.iommu_group))
        if not device.is_bridge and device.subsystem_id and device.subsystem_id.vendor:
            assert f"{words['SVendor']}:{words['SDevice']}" == str(device.subsystem_id)
