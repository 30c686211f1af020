"""Every generated domain becomes, by libvirt and QEMU, the planned machine."""

from __future__ import annotations

from typing import Any

import pytest

from optimux.emit.bundle import domain_artifacts
from optimux.pci import Address
from optimux.plan.model import DomainPlan
from optimux.plan.resolve import plan_from
from tests.golden_cases import CASES
from tests.oracle.engine import Job, Oracle

GENERATED = {f"{case.name} {plan.key}": plan for case in CASES for plan in case.plan().domains}


def xml_of(plan: DomainPlan) -> bytes:
    return next(each.content for each in domain_artifacts(plan) if each.path == f"domains/{plan.key}.xml")


def test_each_is_the_planned_machine(oracle: Oracle, capsys: pytest.CaptureFixture[str]) -> None:
    found = dict(zip(GENERATED, oracle.outcomes([Job(xml_of(plan), plan) for plan in GENERATED.values()]), strict=True))
    checks = sum(len(outcome.checks) for outcome in found.values())
    with capsys.disabled():
        print(f"\n{len(found)} generated domains started and booted: {checks} checks")
    assert {name: outcome.fault for name, outcome in found.items() if outcome.fault} == {}
    failed = {name: outcome.failed for name, outcome in found.items() if outcome.failed}
    assert failed == {}
    assert checks > 4 * len(found)


def _made(vm: dict[str, Any] | None = None, memory: str = "shm", **pci: Any) -> DomainPlan:
    card = {"functions": [{"address": "0000:01:00.0", "id": "10de:249d"}]}
    devices = {"disks": [{"source": "/a.qcow2"}, {"source": "/b.qcow2"}], "networks": [{}, {}], "memballoon": True}
    tables = {"host": {"distribution": "debian", "cpuVendor": "intel"}, "gpus": {"card": card}}
    glass = {"memory": memory, "user": "me", "displays": [{"width": 1920, "height": 1080}]}
    vms = {"win": {"memory": "1GiB", "gpu": "card", "pci": pci, **devices, **(vm or {})}}
    return plan_from({**tables, "lookingGlass": glass, "vms": vms}).domains[0]


def _disks(bus: str, count: int) -> list[dict[str, str]]:
    return [{"source": f"/{number}.qcow2", "bus": bus} for number in range(count)]


_THIRD: dict[str, Any] = {"gpu": "0000:03:00.0"}
# What libvirt puts in front of the card, or QEMU refuses, where the plan leaves it to them.
KEPT = {
    "ports behind free slots": _made(firstRootPort="0000:00:10.0"),
    "ports behind one free slot": _made(firstRootPort="0000:00:02.0", gpu="0000:03:00.0"),
    "a second SATA controller": _made({"disks": _disks("sata", 7)}, **_THIRD),
    "a SATA controller by its number": _made(
        {"disks": [{"source": "/a", "bus": "sata", "driveAddress": "2:0:0:0"}]}, **_THIRD
    ),
    "17 disks on SCSI": _made({"disks": _disks("scsi", 17)}, **_THIRD),
    "a SCSI controller by its number": _made(
        {"disks": [{"source": "/a", "bus": "scsi", "driveAddress": "1:0:0:0"}]}, **_THIRD
    ),
    "EHCI": _made({"usb": {"model": "ich9-ehci1"}}, **_THIRD),
    "a shared memory of libvirt's": _made(ivshmem="auto", **_THIRD),
    "sound whose slot a card has": _made({"networks": [{"address": "0000:00:1b.0"}]}, **_THIRD),
    "an argument in the slot of sound": _made(memory="kvmfr", ivshmem="0000:00:1b.0"),
    "an argument in the ports' way": _made({"disks": _disks("virtio", 8)}, "kvmfr", ivshmem="0000:00:03.0"),
    "an argument before the ports": _made(memory="kvmfr", ivshmem="0000:00:01.0", firstRootPort="0000:00:03.0"),
    "sound whose slot a root port has": _made(firstRootPort="0000:00:1b.0"),
}


def test_the_card_keeps_its_bus(oracle: Oracle) -> None:
    """libvirt's own ports fill free slots from below, and a port before the card's takes its number."""
    outcomes = oracle.outcomes([Job(xml_of(plan), plan) for plan in KEPT.values()])
    wrong = {name: (out.fault, out.failed) for name, out in zip(KEPT, outcomes, strict=True) if out.fault or out.failed}
    assert wrong == {}


def test_what_the_plan_leaves_to_libvirt_takes_the_cards_bus(oracle: Oracle) -> None:
    few, ehci = KEPT["ports behind free slots"], KEPT["EHCI"]
    assert ehci.usb.address is not None
    assert ehci.usb.address.function == 0
    sound = ehci.sound  # which has no address
    left = {
        "few": few.replace(root_ports=few.root_ports[:1]),
        "SATA": KEPT["a second SATA controller"].replace(sata=()),
        "SCSI": KEPT["a SCSI controller by its number"].replace(scsi_controllers=0),
        "EHCI": ehci.replace(usb=ehci.usb.replace(placement=None)),
        "shmem": KEPT["a shared memory of libvirt's"].replace(ivshmem=None),
        "card": KEPT["sound whose slot a card has"].replace(sound=sound),
        "port": KEPT["sound whose slot a root port has"].replace(sound=sound),
    }
    outcomes = oracle.outcomes([Job(xml_of(plan), plan) for plan in left.values()])
    said = {name: "\n".join([out.fault, *out.failed]) for name, out in zip(left, outcomes, strict=True)}
    assert {name: words for name, words in said.items() if ": the guest has it " not in words} == {}


def test_qemu_refuses_an_argument_where_libvirt_puts_its_own(oracle: Oracle) -> None:
    """libvirt does not see the place of an argument's device."""
    sound = KEPT["an argument in the slot of sound"]
    ports, before = KEPT["an argument in the ports' way"], KEPT["an argument before the ports"]
    behind = _made(memory="kvmfr")
    assert behind.ivshmem is not None
    left = [
        sound.replace(sound=KEPT["EHCI"].sound),
        ports.replace(root_ports=ports.root_ports[:1]),
        before.replace(root_ports=()),
        behind.replace(ivshmem=behind.ivshmem.replace(address=Address.parse("0000:02:00.0"))),
    ]
    outcomes = oracle.outcomes([Job(xml_of(plan), plan) for plan in left])
    assert [out.fault for out in outcomes if "not available for" not in out.fault] == []


def test_qemu_refuses_sound_over_usb_on_ehci_alone(oracle: Oracle) -> None:
    """Its device is one of full speed; the plan refuses it first."""
    usb = _made({"sound": {"model": "usb"}})
    both = usb.replace(usb=KEPT["EHCI"].usb)
    refused, taken = oracle.outcomes([Job(xml_of(both)), Job(xml_of(usb))])
    assert "speed mismatch" in refused.fault
    assert taken.fault == ""
