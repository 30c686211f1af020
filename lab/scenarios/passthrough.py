"""Scenario 5: libvirt runs the generated domain, and its guest has the card, the memory and the battery."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lab.scenarios import emulated, l2, libvirt, pci
from lab.scenarios.given import given
from optimux.pci import Id
from optimux.vm.evidence.checks import PASSED
from optimux.vm.evidence.faults import size_fault
from optimux.vm.evidence.ivshmem import find_devices
from optimux.vm.qemu.query_pci import address_of, entries, id_of
from optimux.vm.verify.guest_checks import memory_check, supply_checks, table_check

if TYPE_CHECKING:
    from lab.scenarios.given import Given
    from lab.scenarios.l2 import Seen
    from optimux.vm.evidence.checks import Subject

_BALLOONS = {Id.parse("1af4:1002"), Id.parse("1af4:1045")}
# With an initramfs of its own, and with one that is in the kernel's file.
_DIRECT_BOOTS = [
    [f"domain/os/{name}" for name in names] for names in (("cmdline", "initrd", "kernel"), ("cmdline", "kernel"))
]


def proven(options: str, xml: str) -> str:
    """All of it on this machine, whose host is configured with ``options``; how long it took, in words."""
    plan, seen = given(options, xml), l2.seen(l2.once(options, xml))
    only_the_disk_is_replaced(plan.subject, seen)
    libvirt_keeps_everything(seen)
    guest_sees_the_card(plan, seen)
    guest_sees_the_memory(plan.subject, seen)
    guest_has_table_and_battery(plan.subject, seen)
    guest_has_no_balloon(seen)
    qemu_says_the_same(plan, seen)
    seconds = seen.values["seconds"]
    return f"created after {seconds['created']:.1f} s, reported after {seconds['reported']:.1f} s"


def only_the_disk_is_replaced(subject: Subject, seen: Seen) -> None:
    """The domain that was started is the generated one; without KVM, less what is KVM's."""
    removed, added = emulated.changes(subject.xml, seen.values["started"])
    names = [line.partition(" ")[0] for line in added]
    if seen.values["kvm"]:
        assert removed == [], removed
        assert names in _DIRECT_BOOTS, names
    else:
        assert names[:2] == ["domain", "domain/cpu"], names
        assert names[2:] in _DIRECT_BOOTS, names


def libvirt_keeps_everything(seen: Seen) -> None:
    """Every element and address of what was started stands in the running domain's XML."""
    from lab.consumers.survival import lost

    gone = lost(seen.values["started"], seen.values["live"])
    assert gone == [], gone


def guest_sees_the_card(plan: Given, seen: Seen) -> None:
    """Each function has its id, and the address that is planned."""
    wanted = dict(plan.passed.values())
    found = {address: seen.report.pci.get(address) for address in wanted}
    assert found == wanted, (found, wanted)


def guest_sees_the_memory(subject: Subject, seen: Seen) -> None:
    """One ivshmem device of the planned size, at its address."""
    check = memory_check(subject, seen.report)
    assert check.state == PASSED, check


def guest_has_table_and_battery(subject: Subject, seen: Seen) -> None:
    """The table's bytes; battery and adapter with the planned values."""
    checks = [table_check(subject, seen.report), *supply_checks(subject, seen.report)]
    assert [check.state for check in checks] == [PASSED] * 3, checks


def guest_has_no_balloon(seen: Seen) -> None:
    """VFIO pins the guest's memory: a balloon could give nothing back."""
    assert not _BALLOONS & set(seen.report.pci.values()), seen.report.pci


def qemu_says_the_same(plan: Given, seen: Seen) -> None:
    """Over QMP: the machine runs, the ivshmem BAR has the size, the functions are where the guest saw them."""
    assert seen.values["status"]["status"] == "running", seen.values["status"]
    buses = seen.values["pci"]
    fault = size_fault(plan.memory.size, find_devices(buses))
    assert fault == "", fault
    wanted, found = dict(plan.passed.values()), {address_of(entry): id_of(entry) for entry in entries(buses)}
    assert {address: found.get(address) for address in wanted} == wanted, found


def is_defined(xml: str) -> None:
    """libvirt's definition of the domain has everything that was built."""
    from lab.consumers.survival import lost

    built = Path(xml).read_text(encoding="utf-8")
    gone = lost(built, libvirt.definition(libvirt.name_of(built)))
    assert gone == [], gone


def audio_left_to_the_host(xml: str, gpu: str, audio: str, driver: str) -> None:
    """Twin: a function of the group with a host's ``driver`` is what VFIO refuses; vfio-pci has it again afterwards.

    One without a driver would not matter. ``xml`` is a domain without that function.
    """
    pci.bind(audio, driver)
    try:
        assert pci.driver(audio) == driver, pci.driver(audio)
        assert pci.group(audio) == [gpu, audio], pci.group(audio)
        words = libvirt.refusal(libvirt.bare(Path(xml).read_text(encoding="utf-8")))
        # VFIO's own word, or that of the hook which on NixOS looks before VFIO does.
        said = ("is not viable", f"the host drives {audio} with {driver}")
        assert any(each in words for each in said), words or "libvirt started it"
    finally:
        pci.bind(audio, "vfio-pci")
        pci.write(audio, "driver_override", "\n")
