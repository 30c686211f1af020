"""Scenario 9, compositors: with keepFree none of Debian's opens the card, and it is taken and given below them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from lab.l1.compositors import compositors_machine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lab.l1.machine import L1

pytestmark = pytest.mark.xdist_group("compositors")
_SECONDS = 900
# Those that keep every card which they open, by the name of the desktop.
KEEPING = {"x11": "Xorg", "weston": "weston", "kde": "kwin_wayland", "gnome": "mutter"}


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[L1]:
    """A machine with compositors, two cards that are kept free and one that is not; nothing has opened one yet."""
    with compositors_machine(tmp_path_factory.mktemp("compositors")) as l1:
        l1.call("compositors.ready", _SECONDS)
        yield l1


def _started(name: str, machine: L1, record_property: Callable[[str, object], None]) -> dict[str, Any]:
    seen: dict[str, Any] = machine.call("compositors.started", _SECONDS, name=name)
    assert [node for node in seen["opened"] if node.startswith("card")], "without the rule it opens a card"
    took = ", ".join(f"{what} {seconds:.1f}" for what, seconds in seen["seconds"].items())
    record_property(f"{name}, seconds", took)
    return seen


@pytest.mark.parametrize("name", KEEPING)
def test_left_alone(name: str, machine: L1, record_property: Callable[[str, object], None]) -> None:
    """Not opened, taken and given while it runs, not opened when it is back; the twin without the rule is held.

    By a program that is named, with its process, its user and its session, and how it lets go; nothing changes.
    """
    program, seen = KEEPING[name], _started(name, machine, record_property)
    assert not seen["taken"]
    (node,) = (node for node in seen["opened"] if node.startswith("card"))
    held = rf"  - {program}, process \d+ of alice \(session-\w+\.scope\): /dev/dri/{node}\b"
    assert len(re.findall(held, seen["words"])) == seen["words"].count(", process ") == 1
    assert f"{program}: optimux gpu keep-free, then log out and in" in seen["words"]
    assert "Nothing was changed." in seen["words"]


def test_left_alone_by_sway(machine: L1, record_property: Callable[[str, object], None]) -> None:
    """It draws on other cards through OpenGL alone: as it renders here, it opens each and lets go of those."""
    seen = _started("sway", machine, record_property)
    assert seen["taken"], seen["words"]


def test_twin_the_console_is_moved_to_the_card(machine: L1) -> None:
    """It is on the host's display, though the card's framebuffer is the first."""
    assert "the text console on fb" in machine.call("compositors.console_moved", _SECONDS)


def test_the_seat_as_the_product_sees_it(machine: L1) -> None:
    seen = machine.call("compositors.seats", _SECONDS, rule="whole")
    assert seen["graphical"] == ["seat0"]
    assert (seen["code"], seen["doctor"]) == (0, ["holds", "holds"])
    assert "desktops leave /dev/dri/card" in seen["said"]


def test_twin_without_its_tag_a_greeter_has_a_seat_of_its_own(machine: L1) -> None:
    """Which opens the card as any desktop does."""
    seen = machine.call("compositors.seats", _SECONDS, rule="no tag")
    assert sorted(seen["graphical"]) == ["seat-optimux", "seat0"]
    assert (seen["code"], seen["doctor"]) == (1, ["broken", "broken"])
    assert "desktops open /dev/dri/card" in seen["said"]
    opened = machine.call("compositors.opened", _SECONDS, name="sway", rule="no tag", seat="seat-optimux")
    assert [node for node in opened if node.startswith("card")]


def test_twin_without_its_seat_it_is_opened(machine: L1) -> None:
    """Everything else of the rule is there."""
    opened = machine.call("compositors.opened", _SECONDS, name="sway", rule="no seat")
    assert [node for node in opened if node.startswith("card")]
