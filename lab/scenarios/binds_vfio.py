"""Scenario 4: who has the functions after a boot, and who had them when the initramfs was done."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

from lab.scenarios import pci

_LEAVES = re.compile(r"initramfs leaves (\S+) to (\S+)")


def observe(addresses: list[str]) -> dict[str, Any]:
    """By address: the driver at the end of the initramfs, the driver now, the IOMMU group. And the loaded modules."""
    early = dict(_LEAVES.findall(_kernel_log()))
    found = {
        address: {"early": early.get(address), "driver": pci.driver(address), "group": pci.group(address)}
        for address in addresses
    }
    modules = [line.split()[0] for line in Path("/proc/modules").read_text().splitlines()]
    return {"functions": found, "modules": modules, "command_line": Path("/proc/cmdline").read_text().split()}


def drivers_are(drivers: dict[str, str], group: list[str]) -> None:
    """Each function has its driver now; those in ``group`` are one IOMMU group, which nothing else is in."""
    functions = observe([*drivers])["functions"]
    assert {address: found["driver"] for address, found in functions.items()} == drivers, functions
    assert [functions[address]["group"] for address in group] == [group] * len(group), functions


def load_late(ids: str) -> None:
    """vfio-pci with its ids, after every other driver."""
    subprocess.run(["modprobe", "vfio-pci", f"ids={ids}"], check=True, timeout=60)
    subprocess.run(["udevadm", "settle", "--timeout=60"], check=True, timeout=70)


def _kernel_log() -> str:
    return subprocess.run(["dmesg"], check=True, capture_output=True, text=True, timeout=60).stdout
