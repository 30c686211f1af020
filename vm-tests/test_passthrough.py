"""Scenario 5, passthrough: libvirt runs the generated domain; its guest has the card, the memory and the battery."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.consumers.survival import lost

from first_level.configs import IDS, PLAIN, by_id_config, without_audio
from first_level.machine import AUDIO, GPU
from optimux.pci import Address, Id
from optimux.plan.resolve import plan_from
from optimux.vm.checks import PASSED, subject_of
from optimux.vm.guest_level import supply_checks, table_check
from optimux.vm.ivshmem import ID, Device
from optimux.vm.judge import size_fault, slot_fault
from scenarios.emulated import adapted, changes
from scenarios.passthrough import boot

if TYPE_CHECKING:
    from first_level.fixtures import Module, Seen
    from first_level.machine import Level
    from optimux.vm.checks import Subject

_SECONDS = 180
_BALLOONS = {Id.parse("1af4:1002"), Id.parse("1af4:1045")}
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


def test_only_the_disk_is_replaced(second_level: Seen, domain: Subject) -> None:
    removed, added = changes(domain.xml, second_level.values["started"])
    assert [line.partition(" ")[0] for line in added if "domain/os/" in line] == [
        "domain/os/cmdline",
        "domain/os/initrd",
        "domain/os/kernel",
    ]
    if second_level.values["kvm"]:
        assert (removed, len(added)) == ([], 3)


def test_what_is_given_up_without_kvm(domain: Subject) -> None:
    removed, added = changes(domain.xml, adapted(domain.xml, boot("quiet"), kvm=False))
    outer = [line for line in removed if not line.startswith(("domain/features/hyperv/", "domain/features/kvm/"))]
    assert [line.partition(" {")[0] for line in outer] == [line.partition(" {")[0] for line in _GIVEN_UP]
    assert [line.partition(" ")[0] for line in added] == [
        "domain",
        "domain/cpu",
        "domain/os/cmdline",
        "domain/os/initrd",
        "domain/os/kernel",
    ]


def test_libvirt_keeps_every_element_and_address(second_level: Seen) -> None:
    assert lost(second_level.values["started"], second_level.values["live"]) == []


def test_guest_sees_the_card(second_level: Seen) -> None:
    pci = second_level.report.pci
    for address in (GPU, AUDIO):
        assert pci.get(Address.parse(address)) == Id.parse(IDS[address])


def test_guest_sees_the_shared_memory(second_level: Seen, domain: Subject) -> None:
    _assert_memory(second_level, domain)


def _assert_memory(seen: Seen, domain: Subject) -> None:
    report = seen.report
    devices = [Device(place, report.bars.get(place, 0), None) for place, id_ in report.pci.items() if id_ == ID]
    assert domain.memory is not None
    assert size_fault(domain.memory.size, devices) == ""
    assert slot_fault(domain.slot, devices[0]) == ""


def test_guest_has_the_table_and_the_battery(second_level: Seen, domain: Subject) -> None:
    checks = [table_check(domain, second_level.report), *supply_checks(domain, second_level.report)]
    assert [check for check in checks if check.state != PASSED] == []
    assert len(checks) == 3


def test_guest_has_no_balloon(second_level: Seen) -> None:
    assert not _BALLOONS & set(second_level.report.pci.values())


class TestPatched:
    """A VM as virt-manager makes one, patched: the guest sees the same."""

    def test_libvirt_keeps_every_element_and_address(self, patched_level: Seen) -> None:
        assert "<title>made by hand</title>" in patched_level.values["live"]
        assert lost(patched_level.values["started"], patched_level.values["live"]) == []

    def test_guest_sees_the_card_and_no_balloon(self, patched_level: Seen) -> None:
        pci = patched_level.report.pci
        for address in (GPU, AUDIO):
            assert pci.get(Address.parse(address)) == Id.parse(IDS[address])
        assert not _BALLOONS & set(pci.values())

    def test_guest_sees_the_shared_memory(self, patched_level: Seen, domain: Subject) -> None:
        _assert_memory(patched_level, domain)

    def test_guest_has_the_table_and_the_battery(self, patched_level: Seen, domain: Subject) -> None:
        checks = [table_check(domain, patched_level.report), *supply_checks(domain, patched_level.report)]
        assert [check for check in checks if check.state != PASSED] == []

    def test_twin_unpatched_it_has_nothing_of_it(self) -> None:
        assert not any(word in PLAIN for word in ("hostdev", "kvmfr", "<table", "hidden"))


def test_twin_audio_left_to_the_host(by_id: Level, module: Module) -> None:
    """A function of the group with a host's driver is what VFIO refuses; one without a driver would not matter."""
    xml = subject_of(plan_from(without_audio(by_id_config(module.memory))).domains[0]).xml
    seen = by_id.call("passthrough.refusal_with_driver", _SECONDS, xml=xml, address=AUDIO, driver="snd_hda_intel")
    assert seen["driver"] == "snd_hda_intel"
    assert seen["group"] == [GPU, AUDIO]
    assert "is not viable" in seen["words"]
