"""Each word of advice is said at its place, and not for the nearest configuration that does not need it."""

from __future__ import annotations

from typing import Any

import pytest

from optimux.facts import Facts
from optimux.facts.model import facts_from
from optimux.findings import Findings
from optimux.plan.resolve import plan_from
from tests.bad_input.edits import GPU, VM, Edits, edited

EVDEV = {"dev": "/dev/input/by-id/usb-a-event-kbd", "grabToggle": "scrolllock"}
OFF: Edits = {f"{VM}.channels": [], f"{VM}.sound": {"model": "none"}}

IMAGE = {"path": "/a/CODE.fd", "template": "/a/VARS.fd", "secureBoot": True, "enrolledKeys": True}

SETUP: Edits = {
    f"{VM}.guestMedia": {"enable": True, "attach": True},
    f"{VM}.disks": [{"source": "/a.qcow2", "create": "128GiB"}],
    f"{VM}.windows": {"iso": "/w.iso", "virtioWin": "/v.iso", "unattended": {"user": "alice"}},
}

ADVICE: tuple[tuple[str, Edits, Edits], ...] = (
    (
        f"{VM}.windows.unattended.disk",
        {**SETUP, f"{VM}.disks": [{"source": "/a.qcow2", "create": "20GiB"}]},
        SETUP,
    ),
    (
        f"{VM}.windows.unattended.bypassRequirements",
        {**SETUP, f"{VM}.windows.unattended.bypassRequirements": True},
        SETUP,
    ),
    (
        f"{GPU}.keepFree",
        {f"{GPU}.keepFree": True, f"{GPU}.bind": "id"},
        {f"{GPU}.keepFree": True, f"{GPU}.bind": "on-demand"},
    ),
    (f"{VM}.video.model", {f"{VM}.video": {"model": "none"}}, {f"{VM}.video": {"model": "vga"}}),
    (
        f"{VM}.inputs",
        {f"{VM}.inputs": [{"type": "tablet", "bus": "usb"}]},
        {f"{VM}.inputs": [{"type": "mouse", "bus": "usb"}]},
    ),
    (f"{VM}.spice.enable", {f"{VM}.spice": {"enable": False}, **OFF}, {f"{VM}.spice": {"enable": True}, **OFF}),
    (f"{VM}.spice.listen", {f"{VM}.spice": {"listen": "none"}}, {f"{VM}.spice": {"listen": "address"}}),
    (
        "lookingGlass.client.spice.enable",
        {"lookingGlass.client": {"spice": {"enable": False}}},
        {"lookingGlass.client": {"spice": {"input": False}}},
    ),
    (f"{VM}.evdev", {f"{VM}.evdev": [EVDEV]}, {f"{VM}.evdev": [{**EVDEV, "grabToggle": "ctrl-ctrl"}]}),
    (f"{VM}.memballoon", {f"{VM}.memballoon": True}, {f"{VM}.memballoon": False}),
    (
        "lookingGlass.windows",
        {"lookingGlass.release": "idd", "lookingGlass.windows": {"throttleFPS": 60}},
        {"lookingGlass.release": "b7", "lookingGlass.windows": {"throttleFPS": 60}},
    ),
    (
        f"{GPU}.functions[1].passThrough",
        {f"{GPU}.functions.1.passThrough": False},
        {f"{GPU}.functions.1.passThrough": True},
    ),
    (
        f"{GPU}.bind",
        {GPU: {"functions": [{"address": "0000:00:02.1", "id": "8086:b080"}], "bind": "id"}},
        {GPU: {"functions": [{"address": "0000:00:02.0", "id": "8086:b080"}], "bind": "id"}},
    ),
    (
        "lookingGlass.sizeRule",
        {"lookingGlass.sizeRule": "two-frames", "lookingGlass.size": "64MiB"},
        {"lookingGlass.sizeRule": "two-frames", "lookingGlass.size": "128MiB"},
    ),
    (
        "lookingGlass.displays",
        {"lookingGlass.displays": [{"width": 3456, "height": 2024}]},
        {"lookingGlass.displays": [{"width": 3456, "height": 1944}]},
    ),
    (
        "lookingGlass.client.app.shmFile",
        {"lookingGlass.client": {"app": {"shmFile": "/dev/kvmfr0"}}},
        {"lookingGlass.client": {"app": {"cursorPollInterval": 1000}}},
    ),
    (
        "lookingGlass.client.win.boderless",
        {"lookingGlass.client": {"win": {"boderless": True}}},
        {"lookingGlass.client": {"win": {"unheardOf": True}}},
    ),
    (
        f"{VM}.memoryBacking.hugepages",
        {f"{VM}.memoryBacking": {"hugepages": True}},
        {f"{VM}.memoryBacking": {"hugepages": True}, "host.hugepages": [{"size": "1GiB", "count": 16}]},
    ),
    (
        "lookingGlass.sizeRule",
        {"lookingGlass.sizeRule": "article", "lookingGlass.size": "128MiB"},
        {"lookingGlass.sizeRule": "two-frames", "lookingGlass.size": "128MiB"},
    ),
)

# What the facts make of a good configuration: path, edits, the facts, and facts with which nothing is said.
BY_FACTS: tuple[tuple[str, Edits, dict[str, Any], dict[str, Any]], ...] = (
    ("host.distribution", {}, {"distribution": "fedora"}, {"distribution": "debian"}),
    (
        f"{VM}.cpu.maxPhysAddr",
        {},
        {"cpu": {"physicalBits": 46, "iommuBits": 39}},
        {"cpu": {"physicalBits": 39, "iommuBits": 39}},
    ),
    (
        "lookingGlass.user",
        {"host.distribution": "nixos"},
        {"users": [{"name": "lantin", "uid": 1000}]},
        {"users": [{"name": "lantian", "uid": 1000}]},
    ),
    (
        f"{VM}.firmware.secureBoot",
        {f"{VM}.firmware": {"secureBoot": "on"}},
        {"firmware": {"images": [IMAGE | {"keys": [2011]}]}},
        {"firmware": {"images": [IMAGE | {"keys": [2011, 2023]}]}},
    ),
)


def _advised(edits: Edits) -> list[str]:
    return [warning.path for warning in plan_from(edited({"lookingGlass.release": "b7", **edits}), Facts()).warnings]


@pytest.mark.parametrize(
    ("path", "edits", "twin"), ADVICE, ids=[f"{path}-{n}" for n, (path, _, _) in enumerate(ADVICE)]
)
def test_advice_stands_at_its_place(path: str, edits: Edits, twin: Edits) -> None:
    assert _advised(edits).count(path) == 1
    assert path not in _advised(twin)


def _with(edits: Edits, facts: dict[str, Any]) -> list[str]:
    return [warning.path for warning in plan_from(edited(edits), facts_from(facts, Findings())).warnings]


@pytest.mark.parametrize(("path", "edits", "facts", "twin"), BY_FACTS, ids=[path for path, *_ in BY_FACTS])
def test_what_the_machine_shows_is_said(path: str, edits: Edits, facts: dict[str, Any], twin: dict[str, Any]) -> None:
    assert _with(edits, facts).count(path) == 1
    assert path not in _with(edits, twin)
