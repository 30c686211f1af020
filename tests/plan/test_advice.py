"""Each word of advice is said at its place, and not for the nearest configuration that does not need it."""

from __future__ import annotations

import pytest

from optimux.facts import Facts
from optimux.plan.resolve import plan_from
from tests.bad_input.edits import VM, Edits, edited

EVDEV = {"dev": "/dev/input/by-id/usb-a-event-kbd", "grabToggle": "scrolllock"}
OFF: Edits = {f"{VM}.channels": [], f"{VM}.sound": {"model": "none"}}

ADVICE: tuple[tuple[str, Edits, Edits], ...] = (
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
)


def _advised(edits: Edits) -> list[str]:
    return [warning.path for warning in plan_from(edited({"lookingGlass.release": "b7", **edits}), Facts()).warnings]


@pytest.mark.parametrize(("path", "edits", "twin"), ADVICE, ids=[path for path, _, _ in ADVICE])
def test_advice_stands_at_its_place(path: str, edits: Edits, twin: Edits) -> None:
    assert _advised(edits).count(path) == 1
    assert path not in _advised(twin)
