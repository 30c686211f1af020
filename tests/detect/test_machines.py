"""Recorded and made-up machines: description → tree → what detect prints."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from optimux.declare import Table
from optimux.facts import Facts, load_facts
from optimux.facts.detect import Root, detect
from optimux.facts.detect.pci import around, functions
from optimux.judge.gpus import verdicts
from optimux.judge.usb import usb_verdicts
from tests.detect.tree import MACHINES, described, names, plant

if TYPE_CHECKING:
    from pathlib import Path


def seen(tree: Path) -> dict[str, Any]:
    """What ``detect --json`` prints, less the names that only this machine's pci.ids gives."""
    facts = detect(Root.at(str(tree)))
    facts = facts.replace(devices=tuple(device.replace(name=None) for device in facts.devices))
    return {
        "facts": Table(Facts).written(facts),
        "gpus": [verdict.as_data() for verdict in verdicts(facts)],
        "usb": [verdict.as_data() for verdict in usb_verdicts(facts)],
    }


@pytest.mark.parametrize("name", names())
def test_machine(name: str, tmp_path: Path, update_golden: bool) -> None:
    data = seen(plant(tmp_path, described(name)))
    expected = MACHINES / name / "detect.json"
    if update_golden:
        expected.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    assert data == json.loads(expected.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", names())
def test_facts_are_taken_as_they_are_printed(name: str, tmp_path: Path) -> None:
    """Whole, and the facts alone."""
    data = json.loads((MACHINES / name / "detect.json").read_text(encoding="utf-8"))
    whole, bare = tmp_path / "whole.json", tmp_path / "bare.json"
    whole.write_text(json.dumps(data))
    bare.write_text(json.dumps(data["facts"]))
    assert load_facts(str(whole)) == load_facts(str(bare))
    assert Table(Facts).written(load_facts(str(whole))) == data["facts"]


# What each machine must come to, whatever else its golden file says.
GPUS = {
    "card-alone": {"0000:01:00.0": ("discrete", "yes", "unknown", "no")},
    "mux-on-the-card": {
        "0000:01:00.0": ("discrete", "yes", "attached", "no"),
        "0000:65:00.0": ("integrated", "yes", "switchable", "no"),
    },
    "sleeping-3d-card": {
        "0000:00:02.0": ("integrated", "no", "attached", "no"),
        "0000:01:00.0": ("discrete", "unknown", "unknown", "after-changes"),
    },
    "split-groups-0380": {
        "0000:03:00.0": ("discrete", "yes", "switchable", "after-changes"),
        "0000:08:00.0": ("integrated", "no", "attached", "no"),
    },
    "desktop-2x-rx580": {
        "0000:26:00.0": ("discrete", "yes", "none", "after-changes"),
        "0000:27:00.0": ("discrete", "yes", "none", "after-changes"),
    },
    "kblr-mx150-shared": {
        "0000:00:02.0": ("integrated", "unknown", "unknown", "no"),
        "0000:01:00.0": ("discrete", "no", "none", "no"),
    },
    "legion-5-pro-16ach6h": {
        "0000:01:00.0": ("discrete", "yes", "switchable", "after-changes"),
        "0000:06:00.0": ("integrated", "no", "attached", "no"),
    },
    "omen-17-ck0": {
        "0000:00:02.0": ("integrated", "unknown", "unknown", "no"),
        "0000:01:00.0": ("discrete", "yes", "unknown", "no"),
    },
    "thinkpad-p53": {
        "0000:00:02.0": ("integrated", "unknown", "unknown", "no"),
        "0000:01:00.0": ("discrete", "yes", "unknown", "after-changes"),
    },
    "two-of-a-kind-vmd": {
        "0000:02:01.0": ("integrated", "yes", "none", "no"),
        "0000:17:00.0": ("discrete", "no", "none", "after-changes"),
        "0000:4b:00.0": ("discrete", "no", "none", "after-changes"),
    },
    "virtual-functions": {
        "0000:00:02.0": ("integrated", "yes", "attached", "no"),
        "0000:00:02.1": ("discrete", "no", "none", "ready"),
        "0000:00:02.2": ("discrete", "no", "none", "ready"),
    },
    "zeroed-subsystem": {
        "0000:00:02.0": ("integrated", "no", "attached", "no"),
        "0000:01:00.0": ("discrete", "yes", "none", "after-changes"),
    },
    "vm-without-gpu": {},
    "xps-15-9560": {
        "0000:00:02.0": ("integrated", "yes", "attached", "no"),
        "0000:01:00.0": ("discrete", "no", "none", "after-changes"),
    },
}


@pytest.mark.parametrize("name", GPUS)
def test_verdict(name: str, tmp_path: Path) -> None:
    gpus = seen(plant(tmp_path, described(name)))["gpus"]
    keys = ("role", "ownOutputs", "panel", "passthrough")
    assert {gpu["address"]: tuple(gpu[key] for key in keys) for gpu in gpus} == GPUS[name]


# Controllers that can be given whole; the functions of a graphics card are no controllers of their own.
WHOLE: dict[str, dict[str, bool | None]] = {
    "virtual-functions": {"0000:00:14.0": True, "0000:2c:00.0": True},
    "zeroed-subsystem": {"0000:00:14.0": False},
    "omen-17-ck0": {"0000:00:0d.0": None, "0000:00:0d.2": None, "0000:00:14.0": None},
    "desktop-2x-rx580": {"0000:03:00.0": False, "0000:28:00.3": True},
}


@pytest.mark.parametrize("name", WHOLE)
def test_usb_controllers(name: str, tmp_path: Path) -> None:
    found = seen(plant(tmp_path, described(name)))["usb"]
    assert {item["controller"]: item["whole"] for item in found} == WHOLE[name]
    assert all(bool(item["reasons"]) is (item["whole"] is not True) for item in found)


def test_why_a_controller_stays(tmp_path: Path) -> None:
    (found,) = seen(plant(tmp_path, described("zeroed-subsystem")))["usb"]
    assert [reason["found"] for reason in found["reasons"]] == ["sda in use", "the host's only keyboard"]
    assert found["devices"] == ["1-2", "1-8"]


@pytest.mark.parametrize("name", names())
def test_what_is_around_each_function(name: str, tmp_path: Path) -> None:
    """No more is read of the machine than its group, its bus and its port."""
    root = Root.at(str(plant(tmp_path, described(name))))
    every = functions(root)
    for own in every:
        theirs = [
            device
            for device in every
            if (own.iommu_group is not None and device.iommu_group == own.iommu_group)
            or (device.address.domain, device.address.bus) == (own.address.domain, own.address.bus)
            or device.address == own.upstream
        ]
        assert list(around(root, {own.address})) == theirs
    assert around(root, ()) == ()
