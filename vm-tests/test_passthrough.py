"""Scenario 5, passthrough: libvirt runs the generated domain; its guest has the card, the memory and the battery."""

from __future__ import annotations

from inspect import signature
from typing import TYPE_CHECKING

import pytest

from lab.l1.configs import AUDIO, GPU, PLAIN
from lab.l1.fixtures import domain_file
from lab.scenarios import passthrough
from lab.scenarios.emulated import adapted, changes
from lab.scenarios.l2 import boot
from optimux.pci import Address, Id

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.l1.machine import L1
    from lab.scenarios.given import Given
    from lab.scenarios.l2 import Seen

_SECONDS = 180
# All that a domain loses where it is emulated once more.
_GIVEN_UP = [
    "domain {'type': 'kvm'}",
    "domain/clock/timer {'name': 'hypervclock', 'present': 'yes'}",
    "domain/cpu {'check': 'none', 'migratable': 'on', 'mode': 'host-passthrough'}",
    "domain/cpu/cache {'mode': 'passthrough'}",
    "domain/features/hyperv",
    "domain/features/ioapic",
    "domain/features/kvm",
]


def test_the_card_is_planned_where_drivers_look_for_it(plan: Given) -> None:
    wanted = {GPU: "01:00.0", AUDIO: "01:00.1"}
    assert {host: str(plan.passed[host][0]) for host in wanted} == {k: f"0000:{v}" for k, v in wanted.items()}


def test_only_the_disk_is_replaced(l2: Seen, plan: Given) -> None:
    passthrough.only_the_disk_is_replaced(plan.subject, l2)


def test_what_is_given_up_without_kvm(plan: Given) -> None:
    xml = plan.subject.xml
    removed, added = changes(xml, adapted(xml, boot("quiet"), kvm=False))
    outer = [line for line in removed if not line.startswith(("domain/features/hyperv/", "domain/features/kvm/"))]
    assert [line.partition(" {")[0] for line in outer] == [line.partition(" {")[0] for line in _GIVEN_UP]
    assert [line.partition(" ")[0] for line in added] == [
        "domain",
        "domain/cpu",
        "domain/os/cmdline",
        "domain/os/initrd",
        "domain/os/kernel",
    ]


def test_libvirt_keeps_every_element_and_address(l2: Seen) -> None:
    passthrough.libvirt_keeps_everything(l2)


def test_guest_sees_the_card(l2: Seen, plan: Given) -> None:
    passthrough.guest_sees_the_card(plan, l2)


def test_guest_sees_the_shared_memory(l2: Seen, plan: Given) -> None:
    passthrough.guest_sees_the_memory(plan.subject, l2)


def test_guest_has_the_table_and_the_battery(l2: Seen, plan: Given) -> None:
    passthrough.guest_has_table_and_battery(plan.subject, l2)


def test_guest_has_no_balloon(l2: Seen) -> None:
    passthrough.guest_has_no_balloon(l2)


def test_qemu_says_the_same(l2: Seen, plan: Given) -> None:
    passthrough.qemu_says_the_same(plan, l2)


class TestPatched:
    """A VM as virt-manager makes one, patched: the guest sees the same."""

    def test_libvirt_keeps_every_element_and_address(self, patched_l2: Seen) -> None:
        assert "<title>made by hand</title>" in patched_l2.values["live"]
        passthrough.libvirt_keeps_everything(patched_l2)

    def test_guest_sees_the_card_and_no_balloon(self, patched_l2: Seen, plan: Given) -> None:
        passthrough.guest_sees_the_card(plan, patched_l2)
        passthrough.guest_has_no_balloon(patched_l2)

    def test_guest_sees_the_shared_memory(self, patched_l2: Seen, plan: Given) -> None:
        passthrough.guest_sees_the_memory(plan.subject, patched_l2)

    def test_guest_has_the_table_and_the_battery(self, patched_l2: Seen, plan: Given) -> None:
        passthrough.guest_has_table_and_battery(plan.subject, patched_l2)

    def test_twin_unpatched_it_has_nothing_of_it(self) -> None:
        assert not any(word in PLAIN for word in ("hostdev", "kvmfr", "<table", "hidden"))


def test_twin_audio_left_to_the_host(by_id: L1) -> None:
    by_id.call(
        "passthrough.audio_left_to_the_host",
        _SECONDS,
        xml=domain_file("without-audio"),
        gpu=GPU,
        audio=AUDIO,
        driver="snd_hda_intel",
    )


def _without_card(seen: Seen) -> Seen:
    return seen.replace(report=seen.report.replace(pci={a: i for a, i in seen.report.pci.items() if str(a) != GPU}))


def _other_card(seen: Seen) -> Seen:
    return seen.replace(report=seen.report.replace(pci=seen.report.pci | {Address.parse(GPU): Id.parse("1234:1112")}))


def _smaller_bar(seen: Seen) -> Seen:
    return seen.replace(report=seen.report.replace(bars={a: size // 2 for a, size in seen.report.bars.items()}))


def _spoilt_tables(seen: Seen) -> Seen:
    tables = {name: table[:-1] + bytes([table[-1] ^ 1]) for name, table in seen.report.tables.items()}
    return seen.replace(report=seen.report.replace(tables=tables))


def _no_battery(seen: Seen) -> Seen:
    return seen.replace(report=seen.report.replace(supplies={}))


def _balloon(seen: Seen) -> Seen:
    pci = seen.report.pci | {Address.parse("0000:04:00.0"): Id.parse("1af4:1045")}
    return seen.replace(report=seen.report.replace(pci=pci))


def _no_address(seen: Seen) -> Seen:
    live = seen.values["live"].replace("bus='0x01'", "bus='0x07'")
    return seen.replace(values=seen.values | {"live": live})


def _paused(seen: Seen) -> Seen:
    return seen.replace(values=seen.values | {"status": {"status": "paused"}})


@pytest.mark.parametrize(
    ("check", "spoil"),
    [
        (passthrough.guest_sees_the_card, _without_card),
        (passthrough.guest_sees_the_card, _other_card),
        (passthrough.guest_sees_the_memory, _smaller_bar),
        (passthrough.guest_has_table_and_battery, _spoilt_tables),
        (passthrough.guest_has_table_and_battery, _no_battery),
        (passthrough.guest_has_no_balloon, _balloon),
        (passthrough.libvirt_keeps_everything, _no_address),
        (passthrough.qemu_says_the_same, _paused),
    ],
    ids=lambda value: value.__name__.strip("_"),
)
def test_twin_each_check_notices(
    check: Callable[..., None], spoil: Callable[[Seen], Seen], l2: Seen, plan: Given
) -> None:
    given = {"plan": plan, "subject": plan.subject}
    words = {name: value for name, value in given.items() if name in signature(check).parameters}
    check(**words, seen=l2)
    with pytest.raises(AssertionError):
        check(**words, seen=spoil(l2))
