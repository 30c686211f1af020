"""Whether desktops leave a card alone, as udev's database has it, and each desktop's line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from optimux.cli import run
from optimux.host.handover.keep_free import Kept, advice, current_desktop, desktops, kept
from tests.detect.tree import put
from tests.handover.machine import CARD
from tests.handover.test_status import CONFIG

if TYPE_CHECKING:
    from pathlib import Path

FREE = "E:ID_SEAT=seat-optimux\nG:mutter-device-ignore\nG:master-of-seat\nQ:mutter-device-ignore\n"


def test_a_card_on_its_own_seat(machine: Path) -> None:
    put(machine, "/run/udev/data/c226:1", FREE)
    assert kept(CARD, str(machine)) == Kept("card", "/dev/dri/card1", True)


@pytest.mark.parametrize("said", ["", "E:ID_SEAT=seat0\n", f"{FREE}Q:master-of-seat\n"])
def test_a_card_that_desktops_open(said: str, machine: Path) -> None:
    """A seat whose master it still is would have a greeter."""
    put(machine, "/run/udev/data/c226:1", said)
    assert not kept(CARD, str(machine)).free


def test_the_verb(machine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "optimux.toml"
    config.write_text(CONFIG)
    line = ["gpu", "keep-free", str(config), "--root", str(machine), "--desktop", "niri"]
    assert run(line) == 1
    assert capsys.readouterr().out.splitlines() == [
        "card: desktops open /dev/dri/card1",
        "  Set gpus.card.keepFree = true, run optimux apply, and reboot.",
        '  niri: Besides, in its configuration: debug { ignore-drm-device "/dev/dri/card1" }',
    ]
    put(machine, "/run/udev/data/c226:1", FREE)
    assert run(line) == 0
    assert capsys.readouterr().out.startswith("card: desktops leave /dev/dri/card1 alone\n")
    assert run([*line[:-1], "cde"]) == 2


def test_a_card_that_is_not_there_is_not_kept_free(
    machine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "optimux.toml"
    config.write_text(CONFIG.replace("0000:01:", "0000:0b:"))
    assert run(["gpu", "keep-free", str(config), "--root", str(machine)]) == 1
    assert "not there; compare with optimux detect" in capsys.readouterr().out


@pytest.mark.parametrize("verb", ["status", "keep-free"])
def test_a_folder_that_is_no_record(verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "optimux.toml"
    config.write_text(CONFIG)
    (tmp_path / "empty").mkdir()
    assert run(["gpu", verb, str(config), "--root", str(tmp_path / "empty")]) == 2
    assert "neither /sys nor /proc in it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("environment", "found"),
    [
        ({"XDG_CURRENT_DESKTOP": "ubuntu:GNOME"}, "gnome"),
        ({"XDG_CURRENT_DESKTOP": "KDE", "XDG_SESSION_TYPE": "x11"}, "kde"),
        ({"XDG_CURRENT_DESKTOP": "i3", "XDG_SESSION_TYPE": "x11"}, "x11"),
        ({}, None),
    ],
)
def test_this_sessions_desktop(environment: dict[str, str], found: str | None) -> None:
    assert current_desktop(environment) == found


def test_every_desktop_has_its_line() -> None:
    assert {advice(CARD, "/dev/dri/card1", name) for name in desktops()}
    assert advice(CARD, None, "cosmic").endswith("COSMIC_DRM_BLOCK_DEVICES=0x1234:0x1111")
