"""Scenario 8, handover: the card goes to the VM and back without a reboot, or a refusal changes nothing."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import pytest

from lab.l1.configs import OTHER_VM, VM
from lab.l1.fixtures import CARD_AGAIN, OPTIONS, domain_file

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.l1.fixtures import Module
    from lab.l1.machine import L1

_SECONDS = 300
XML, OTHER_XML = domain_file(VM), domain_file(OTHER_VM)


@pytest.fixture(scope="module")
def at_rest(on_demand: L1) -> dict[str, Any]:
    """What is said of the card once every driver has found what is behind it; each test begins with that."""
    seen: dict[str, Any] = on_demand.call("handover.ready", _SECONDS)
    return seen


pytestmark = pytest.mark.usefixtures("at_rest")


def test_the_card_at_rest_can_be_given(at_rest: dict[str, Any]) -> None:
    assert [function["driver"] for function in at_rest["functions"]] == ["bochs-drm", "snd_hda_intel", "xhci_hcd"]


def test_there_and_back(on_demand: L1, record_property: Callable[[str, object], None]) -> None:
    """Each function is usable afterwards, and the kernel says the same as before."""
    for way, took in on_demand.call("handover.there_and_back", _SECONDS).items():
        record_property(f"gpu {way}, seconds", f"{took:.1f}")


def test_twin_taken_for_nobody_it_is_everybodys(on_demand: L1) -> None:
    """A second round: both are told that they have it, and the end of one takes it from the other."""
    said = on_demand.call("handover.for_nobody", _SECONDS)
    assert said["codes"] == [0, 0, 0]
    assert "vfio-pci" not in said["drivers"].values()


@pytest.mark.parametrize("kind", ["drm", "mixer", "usb", "mapped", "thread", "namespace"])
def test_each_kind_of_holder_is_named(kind: str, on_demand: L1, record_property: Callable[[str, object], None]) -> None:
    said = on_demand.call("handover.refused", _SECONDS, kind=kind)
    assert f"process {said['process']} of root" in said["words"]
    assert said["node"] in said["words"]
    assert "Nothing was changed." in said["words"]
    record_property(f"refusal for {kind}, seconds", f"{said['seconds']:.1f}")


def test_what_no_process_shows_is_counted(on_demand: L1) -> None:
    """A descriptor in a socket's queue."""
    said = on_demand.call("handover.refused", _SECONDS, kind="queued")
    assert "bochs is held 1 times by what no descriptor shows" in said["words"]


def test_who_lets_go_when_asked_is_asked(on_demand: L1) -> None:
    assert "asking wireplumber to let go" in on_demand.call("handover.asked", _SECONDS)


def test_who_does_not_let_go_refuses(on_demand: L1, record_property: Callable[[str, object], None]) -> None:
    said = on_demand.call("handover.refused", _SECONDS, kind="stubborn")
    assert f"wireplumber, process {said['process']} of root" in said["words"]
    record_property("refusal after a polite wait, seconds", f"{said['seconds']:.1f}")


def test_a_frozen_one_is_not_waited_for(on_demand: L1) -> None:
    said = on_demand.call("handover.refused_while_frozen", _SECONDS)
    assert ", frozen: /dev/snd/" in said["words"]
    assert "asking" not in said["words"]


def test_storage_on_the_stick(on_demand: L1) -> None:
    assert "/dev/dm-0 on one of its disks" in on_demand.call("handover.refused_for_a_mount", _SECONDS)


def test_a_kill_at_each_step(on_demand: L1) -> None:
    assert on_demand.call("handover.killed_at_each_step", 20 * 60) >= 12


@pytest.fixture
def driver(waiting: Module) -> None:
    """The driver whose removal waits."""
    if waiting.reason:
        pytest.skip(waiting.reason)


def test_a_driver_whose_removal_waits_refuses_at_once(driver: None, on_demand: L1) -> None:
    """As NVIDIA's does: it is unloaded, never unbound."""
    assert on_demand.call("handover_waiting.refused", _SECONDS) < 10


def test_twin_unbound_it_hangs(driver: None, on_demand: L1) -> None:
    assert on_demand.call("handover_waiting.twin_unbound", _SECONDS) is True


def test_rounds_through_libvirt(
    on_demand: L1, pytestconfig: pytest.Config, record_property: Callable[[str, object], None]
) -> None:
    """Each function is used after each: a picture is shown, sound played, the stick read."""
    rounds = pytestconfig.getoption("rounds")
    seconds = on_demand.call("handover.through_libvirt", rounds * 2 * _SECONDS, xml=XML, count=rounds)
    for way in ("start", "end"):
        took = seconds[way]
        record_property(f"{way} of a VM, seconds", f"{min(took):.1f} to {max(took):.1f}, {rounds} rounds")
    record_property("the hook's limit, seconds", seconds["limit"])


def test_a_hook_that_came_after_libvirtd_is_called_after_a_reload(on_demand: L1) -> None:
    """The twin is the time before: libvirt knows of no hook, and doctor says so.

    Then it takes the card, and gives it back as another tool's hook refuses.
    """
    said = on_demand.call("handover_hook.unseen", 4 * _SECONDS, options=OPTIONS, xml=XML)
    assert "must be manually detached from the host" in said["words"]
    (late,) = said["late"]
    assert re.fullmatch("libvirtd is [0-9]+ s older than the hook", late)
    assert said["reloaded"] == []
    assert "not today, though vfio-pci has it" in said["beside"]


def test_two_vms_at_once(on_demand: L1) -> None:
    """One has the card, the other a reason; the first one's QEMU is killed, and the card is the host's."""
    words = on_demand.call("handover.two_at_once", 4 * _SECONDS, one=XML, other=OTHER_XML)
    (reason,) = filter(None, words)
    assert "card is with" in reason or "another hand-over is at work" in reason or "a VM has card" in reason


def test_a_killed_libvirtd_gives_the_card_back(on_demand: L1) -> None:
    """Once there is one again; QEMU has ended meanwhile."""
    on_demand.call("handover.libvirtd_killed", 3 * _SECONDS, xml=XML)


def test_huge_pages_for_one_start(on_demand: L1) -> None:
    said = on_demand.call("handover.huge_pages", _SECONDS)
    before, _, _ = said["counts"]
    assert said["counts"] == [before, before + 32, before]
    assert (said["code"], said["left"]) == (1, before)
    assert "KiB of memory are available" in said["words"]


def test_cpus_for_one_start(on_demand: L1) -> None:
    """This machine has one, and so no others for the host: what systemd was told is what is looked at."""
    said = on_demand.call("handover_hook.isolated", _SECONDS, name="alone")
    before, running, after, reloaded = said["seen"]
    assert {unit: cpus for unit, (cpus, _) in before.items()} == {
        "system.slice": "",
        "user.slice": "0",
        "init.scope": "",
    }
    assert {cpus for cpus, _ in running.values()} == {"0"}
    for seen in (after, reloaded):
        assert {unit: cpus for unit, (cpus, _) in seen.items()} == {unit: cpus for unit, (cpus, _) in before.items()}
        assert {kernels for _, kernels in seen.values()} == {"0"}
    assert said["files"] == []


def test_libvirt_refuses_with_the_reason(on_demand: L1) -> None:
    said = on_demand.call("handover.refused_by_libvirt", 2 * _SECONDS, xml=XML)
    assert f"process {said['process']} of root" in said["words"]
    assert said["node"] in said["words"]


def test_after_a_power_cut_the_machine_is_as_configured(on_demand: L1) -> None:
    """A VM had the card."""
    before = on_demand.call("handover_ends.given", _SECONDS, name=VM)
    on_demand.reset()
    assert on_demand.call("handover_ends.as_configured", _SECONDS) == before


def test_a_card_that_is_pulled_out_while_a_vm_has_it(on_demand: L1) -> None:
    """The kernel waits for the VM, and nobody else: it is said, and nothing is written to the card.

    The VM's end leaves nothing; the next start says what is missing; plugged in again the card is the host's.
    """
    on_demand.call("handover_ends.running", _SECONDS, xml=XML)
    on_demand.run.qmp.execute("device_del", id="gpu")
    seen = on_demand.call("handover_ends.leaving", _SECONDS, name=VM)
    (reason,) = seen["status"]["reasons"]
    assert (seen["status"]["verdict"], seen["libvirt"]) == ("in-use", "paused")
    assert re.fullmatch(r"0000:01:00\.\d has no driver any more, though a VM has the card: .*", reason["found"])
    for what in ("take", "give", "start"):
        assert "a VM has card: qemu-system-x86_64, process" in seen[what], seen[what]
    left = on_demand.call("handover_ends.pulled", _SECONDS, name=VM)
    assert (left["left"], left["verdict"]) == ([], "cannot")
    code, words = left["refusal"]
    assert (code, "nothing at 0000:01:00.0" in words) == (1, True), words
    for device in CARD_AGAIN:
        on_demand.run.qmp.execute("device_add", **device)
    on_demand.call("handover_ends.plugged_in", _SECONDS)


def test_twin_managed_by_libvirt_it_hangs(on_demand: L1) -> None:
    """The reason for a hook of our own."""
    assert on_demand.call("handover.twin_managed", _SECONDS, xml=XML)["hung"] is True


def test_the_hosts_shutdown_is_not_held_up(on_demand: L1, record_property: Callable[[str, object], None]) -> None:
    """A VM has the card; the last test of this machine."""
    begin = time.monotonic()
    on_demand.call("handover_ends.powered_off", 2 * _SECONDS, repeat=False, xml=XML)
    while on_demand.run.process.status is None:
        assert time.monotonic() < begin + 3 * _SECONDS, on_demand.run.console.evidence()
        time.sleep(1)
    record_property("start of a VM with the card, and shutdown, seconds", f"{time.monotonic() - begin:.1f}")
