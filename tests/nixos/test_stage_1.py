"""Binding by address: the unit of stage 1 that marks the cards."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from lab.nix.evaluator import configuration
from tests.nixos.plans import by_address, module_of, written

if TYPE_CHECKING:
    from pathlib import Path


def test_stage_1_marks_the_cards(tmp_path: Path) -> None:
    """The script, run: the card that is there is marked, the one that is not keeps nothing from it."""
    script = written(by_address(), tmp_path).with_name("files") / "libexec/optimux-driver-override"
    sysfs = tmp_path / "devices"
    for address in ("0000:01:00.1", "0000:02:00.0"):
        (sysfs / address).mkdir(parents=True)
        (sysfs / address / "driver_override").write_text("(null)\n")
    text = script.read_text(encoding="utf-8").replace("/sys/bus/pci/devices", str(sysfs))
    done = subprocess.run(["sh", "-e", "-c", text], capture_output=True, text=True, timeout=30, check=True)
    assert done.stderr == "no PCI device at 0000:01:00.0\n"
    marks = {path.parent.name: path.read_text() for path in sysfs.glob("*/driver_override")}
    assert marks == {"0000:01:00.1": "vfio-pci\n", "0000:02:00.0": "(null)\n"}


def test_stage_1_marks_before_drivers_load(tmp_path: Path) -> None:
    config = configuration([written(by_address(), tmp_path)])
    unit = config["boot"]["initrd"]["systemd"]["services"]["optimux-driver-override"]
    loaders = {"systemd-modules-load.service", "systemd-udevd.service", "systemd-udev-trigger.service"}
    assert loaders <= set(unit["before"])
    assert unit["wantedBy"] == ["sysinit.target"]
    assert unit["unitConfig"] == {"DefaultDependencies": False}
    script = unit["serviceConfig"]["ExecStart"].removeprefix("/bin/sh ")
    assert config["boot"]["initrd"]["systemd"]["storePaths"] == [script]
    assert [item["assertion"] for item in config["assertions"]] == [True]


def test_scripted_stage_1_fails_the_assertion(tmp_path: Path) -> None:
    own = module_of(tmp_path, "{ boot.initrd.systemd.enable = false; }\n")
    (assertion,) = configuration([written(by_address(), tmp_path), own])["assertions"]
    assert assertion["assertion"] is False
    assert "boot.initrd.systemd.enable" in assertion["message"]
