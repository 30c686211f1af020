"""Domains that are broken in one way each: the oracle says which way."""

from __future__ import annotations

import pytest

from optimux.plan.model import DomainPlan
from tests.golden_cases import case
from tests.oracle.engine import Job, Oracle
from tests.oracle.test_generated import xml_of

PORT = "<address type='pci' domain='0x0000' bus='0x00' slot='0x01' function='0x0' multifunction='on'/>"
LAST = "</qemu:commandline>"
TABLE = "/var/lib/libvirt/acpi/optimux-Windows11.aml"
GUEST = "<address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x{}'{}/>"


def args(*words: str) -> str:
    return "".join(f"<qemu:arg value='{word}'/>" for word in words) + LAST


SHMEM = (
    "<shmem name='looking-glass'><model type='ivshmem-plain'/><size unit='M'>64</size><alias name='ua-old'/></shmem>"
)
OVERRIDE = (
    "<qemu:override><qemu:device alias='hostdev7'><qemu:frontend>"
    "<qemu:property name='x-pci-sub-vendor-id' type='unsigned' value='4156'/>"
    "</qemu:frontend></qemu:device></qemu:override></domain>"
)
# What is replaced in the generated domain, by what, and what the oracle says of it.
BROKEN = {
    "a second battery": (LAST, args("-acpitable", f"file={TABLE}"), "battery: 2 batteries in the tables (SSDT, SSDT)"),
    "no battery": (f"<table type='raw'>{TABLE}</table>", "", "battery: no battery in the tables"),
    "a slot twice": (
        LAST,
        args("-device", "qemu-xhci,id=mine,bus=pcie.0,addr=0x1"),
        "in use by qemu-xhci,id=mine",
    ),
    "a slot twice, in JSON": (
        LAST,
        args("-device", '{"driver":"qemu-xhci","id":"mine","bus":"pcie.0","addr":"0x10"}'),
        "PCI: slot 16 function 0 not available for qemu-xhci, in use by ivshmem-plain",
    ),
    "an id twice": (LAST, args("-device", '{"driver":"qemu-xhci","id":"video0"}'), "Duplicate device ID"),
    "an object twice": (
        LAST,
        args("-object", "memory-backend-ram,id=looking-glass,size=1M"),
        "attempt to add duplicate property 'looking-glass'",
    ),
    "another Looking Glass device": (
        "<memballoon model='none'/>",
        f"<memballoon model='none'/>{SHMEM.replace('looking-glass', 'looking-glass-old')}",
        "Looking Glass device: beside the one over /dev/kvmfr0 there is ua-old over /dev/shm/looking-glass-old",
    ),
    "a smaller memory": ('"size":134217728', '"size":67108864', "device: size: its BAR has 64MiB, planned"),
    "a larger memory": ('"size":134217728', '"size":268435456', "backing store size 0x8000000 is too small"),
    "a memory elsewhere": ('"addr":"0x10"', '"addr":"0x11"', "address: it is at 0000:00:11.0, planned is 0000:00:10.0"),
    "a card behind another bus": (
        PORT,
        PORT.replace("slot='0x01'", "slot='0x09'")
        + "</controller><controller type='pci' index='2' model='pcie-root-port'>"
        "<address type='pci' domain='0x0000' bus='0x00' slot='0x05' function='0x0'/>",
        "host device 0000:01:00.0: the guest has it at 0000:07:00.0, planned is 0000:01:00.0",
    ),
    "a card twice": (
        LAST,
        args("-device", "vfio-pci,host=01:00.0,id=again,bus=pcie.0,addr=0x15"),
        "host device 0000:01:00.0: it is given 2 times, by hostdev0, again",
    ),
    "an override of nobody": ("</domain>", OVERRIDE, "devices: no device has the alias hostdev7"),
    "a property of nobody": (LAST, args("-set", "device.hostdev0.x-vga=on"), 'there is no device "hostdev0" defined'),
    "a function without its first": (
        GUEST.format("0", " multifunction='on'"),
        GUEST.format("2", ""),
        "host device 0000:01:00.0: guests do not find it: in its slot there is no function 0",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def plan() -> DomainPlan:
    """The example's, with the place of the shared memory stated: what is not may be elsewhere."""
    data = case("omen-17").data()
    data["vms"]["Windows11"].setdefault("pci", {})["ivshmem"] = "0000:00:10.0"
    return case("omen-17").plan(data).domains[0]


def test_each_fails_for_its_reason(oracle: Oracle, plan: DomainPlan) -> None:
    good = xml_of(plan).decode()
    jobs = []
    for old, new, _ in BROKEN.values():
        assert good.count(old) == 1, old
        jobs.append(Job(good.replace(old, new).encode(), plan))
    said = {
        name: "\n".join([outcome.fault, *outcome.failed])
        for name, outcome in zip(BROKEN, oracle.outcomes(jobs), strict=True)
    }
    wrong = [f"{name}: {said[name]}" for name, (_, _, words) in BROKEN.items() if words not in said[name]]
    assert "\n".join(wrong) == ""


def test_a_domain_that_libvirt_refuses(oracle: Oracle, plan: DomainPlan) -> None:
    broken = xml_of(plan).replace(b"slot='0x02'", b"slot='0x1f'")
    assert "libvirt: " in oracle.outcome(broken, plan).fault
