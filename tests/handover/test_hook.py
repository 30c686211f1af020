"""What libvirt's hook does around a VM: only for VMs of the configuration, and only what was taken for them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from optimux.host.handover import hook
from optimux.host.handover.kernel import Refused
from optimux.host.handover.picture import look
from optimux.host.handover.state import Store
from tests.detect.tree import put
from tests.handover.kernel import Acting
from tests.handover.machine import CARD, DRIVERS, IDS, process

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def root(machine: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The hook on the recorded machine, whose card is on demand."""
    functions = [{"address": address, "id": id_} for address, id_ in IDS.items()]
    cards = [{"name": "card", "bind": "on-demand", "functions": functions, "domains": ["win"]}]
    put(machine, "/etc/optimux/cards.json", json.dumps({"cards": cards}))
    monkeypatch.setattr(hook, "INSTALLED", str(machine / "etc/optimux/cards.json"))
    monkeypatch.setattr(hook, "Kernel", lambda: Acting(machine))
    monkeypatch.setattr(hook, "Store", lambda: Store(str(machine)))
    monkeypatch.setattr(hook, "look", lambda card: look(card, str(machine)))
    return machine


def drivers(root: Path) -> dict[str, str | None]:
    """Who drives each function."""
    return {str(f.address): f.device.driver if f.device else None for f in look(CARD, str(root)).functions}


def test_around_a_vm(root: Path) -> None:
    hook.run("win", "prepare/begin", print)
    assert set(drivers(root).values()) == {"vfio-pci"}
    hook.run("win", "started/begin", print)
    hook.run("win", "release/end", print)
    assert drivers(root) == DRIVERS
    assert not Store(str(root)).exists("card")


def test_other_vms_are_no_affair(root: Path) -> None:
    hook.run("other", "prepare/begin", print)
    assert drivers(root) == DRIVERS
    hook.run("win", "prepare/begin", print)
    hook.run("other", "release/end", print)
    assert set(drivers(root).values()) == {"vfio-pci"}


def test_a_release_after_a_refusal_changes_nothing(root: Path) -> None:
    """As libvirt calls it."""
    process(root, 77, "game", opened=("/dev/dri/card1",))
    with pytest.raises(Refused, match="game, process 77"):
        hook.run("win", "prepare/begin", print)
    hook.run("win", "release/end", print)
    assert drivers(root) == DRIVERS


def test_a_qemu_that_still_has_the_card_keeps_it(root: Path) -> None:
    """vfio-pci would wait for it inside the kernel."""
    hook.run("win", "prepare/begin", print)
    put(root, "/sys/class/vfio/10/dev", "511:0")
    process(root, 99, "qemu-system-x86", opened=("/dev/vfio/10",))
    with pytest.raises(Refused, match="process 99"):
        hook.run("win", "release/end", print)
    assert set(drivers(root).values()) == {"vfio-pci"}


def test_without_cards_there_is_nothing_to_do(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hook, "INSTALLED", str(root / "none"))
    hook.run("win", "prepare/begin", print)
    assert drivers(root) == DRIVERS
