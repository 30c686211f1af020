"""What libvirt's hook does around a VM: only for VMs of the configuration, and only what was taken for them."""

from __future__ import annotations

import errno
import json
from typing import TYPE_CHECKING

import pytest

from optimux.host.handover import hook, picture
from optimux.host.handover.give import give
from optimux.host.handover.kernel import Refused
from optimux.host.handover.nodes import Sysfs
from optimux.host.handover.picture import look, machine_of
from optimux.host.handover.processes import Scan
from optimux.host.handover.state import Store
from optimux.host.handover.take import Taking
from optimux.host.handover.verdict import IN_USE, verdict
from tests.detect.tree import put
from tests.handover.kernel import Acting
from tests.handover.machine import BELOW_PORT, CARD, DRIVERS, GPU, IDS, process

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
    monkeypatch.setattr(hook, "machine_of", lambda card: machine_of(card, str(machine)))
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


def test_one_that_has_it_by_iommufd_keeps_it(root: Path) -> None:
    """Each function has a node of its own then, and the group's is not opened."""
    hook.run("win", "prepare/begin", print)
    put(root, f"{BELOW_PORT}/{GPU}/vfio-dev/vfio0/dev", "510:0")
    process(root, 99, "qemu-system-x86", opened=("/dev/vfio/devices/vfio0",))
    assert verdict(look(CARD, str(root))).word == IN_USE
    with pytest.raises(Refused, match="process 99"):
        hook.run("win", "release/end", print)
    assert set(drivers(root).values()) == {"vfio-pci"}


def test_a_group_that_opens_is_nobodys(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then no process is looked into; where it is busy and none shows it, somebody has it all the same."""
    asked: list[str] = []

    def opens(path: str) -> int:
        asked.append(path)
        return 0

    monkeypatch.setattr(picture, "Sysfs", lambda _: Sysfs(str(root)))
    monkeypatch.setattr(picture, "Scan", lambda *_: pytest.fail("looked into every process"))
    assert picture.machine_of(CARD) is None  # no node: vfio-pci has none of it
    put(root, "/sys/class/vfio/10/dev", "511:0")
    monkeypatch.setattr(picture, "_errno", opens)
    assert picture.machine_of(CARD) is None
    assert asked == ["/dev/vfio/10"]
    monkeypatch.setattr(picture, "_errno", lambda _: errno.EBUSY)
    monkeypatch.setattr(picture, "Scan", lambda nodes, _: Scan(nodes, str(root)))
    assert picture.machine_of(CARD) == "a process that no descriptor shows"
    process(root, 99, "qemu-system-x86", opened=("/dev/vfio/10",))
    assert str(picture.machine_of(CARD)).startswith("qemu-system-x86, process 99")


def test_two_that_take_it_for_nobody_have_it_both(root: Path) -> None:
    """The twin of a hook that knows its VM: the end of one takes the card from the other, before its QEMU has it."""
    kernel, store = Acting(root), Store(str(root))
    for domain, other in (("win", "other"), (None, None)):
        taking = [Taking(CARD, kernel, store, lambda: look(CARD, str(root)), print, name) for name in (domain, other)]
        assert taking[0].run() == "vfio-pci has card"
        if domain:
            with pytest.raises(Refused, match="card is with win"):
                taking[1].run()
        else:
            assert taking[1].run() == "vfio-pci has card already"
        give(CARD, kernel, store, print)
        assert drivers(root) == DRIVERS


def test_without_cards_there_is_nothing_to_do(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hook, "INSTALLED", str(root / "none"))
    hook.run("win", "prepare/begin", print)
    assert drivers(root) == DRIVERS
