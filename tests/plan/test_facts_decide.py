"""What the facts and the host decide by themselves, and say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import pytest

from optimux.facts import Facts
from optimux.facts.devices import PciDevice, Sriov
from optimux.facts.host import CpuFacts
from optimux.pci import Address, Id
from optimux.plan.guest import MaxPhysAddr
from optimux.plan.resolve import plan_from

if TYPE_CHECKING:
    from optimux.plan.model import Plan

VIRTUAL = {"address": "0000:00:02.1", "id": "8086:b080"}


def _plan(
    facts: Facts | None = None,
    host: dict[str, Any] | None = None,
    entry: dict[str, Any] | None = None,
    **vm: Any,
) -> Plan:
    card = {"functions": [{"address": "0000:01:00.0", "id": "10de:249d"}], **(entry or {})}
    tables = {"host": {"distribution": "arch", "cpuVendor": "intel", **(host or {})}, "gpus": {"card": card}}
    looking_glass = {"enable": False}
    return plan_from(
        {**tables, "lookingGlass": looking_glass, "vms": {"win": {"memory": "1GiB", "gpu": "card", **vm}}}, facts
    )


def _cpu(physical: int, iommu: int) -> Facts:
    return Facts(cpu=CpuFacts(vendor="intel", physical_bits=physical, iommu_bits=iommu))


@pytest.mark.parametrize(
    ("libvirt", "width"),
    {"11.3": MaxPhysAddr("passthrough", None, 39), "9.2": MaxPhysAddr("emulate", 39, None)}.items(),
    ids=["limit", "bits"],
)
def test_a_narrow_iommu_limits_the_guest(libvirt: str, width: MaxPhysAddr) -> None:
    planned = _plan(_cpu(46, 39), {"libvirtVersion": libvirt})
    assert planned.domains[0].cpu.max_phys_addr == width
    (said,) = planned.warnings
    assert (said.path, said.allowed) == ("vms.win.cpu.maxPhysAddr", "at most the IOMMU's 39 bits")


@pytest.mark.parametrize(
    ("facts", "vm"),
    [
        (_cpu(39, 39), {}),
        (_cpu(39, 48), {}),
        (Facts(), {}),
        (_cpu(46, 39), {"gpu": None}),
    ],
    ids=["as wide", "wider", "unknown", "no card"],
)
def test_else_the_guest_has_the_cpus_width(facts: Facts, vm: dict[str, Any]) -> None:
    planned = _plan(facts, **vm)
    assert planned.domains[0].cpu.max_phys_addr is None
    assert planned.warnings == ()


def test_a_stated_width_is_the_users() -> None:
    planned = _plan(_cpu(46, 39), cpu={"maxPhysAddr": {"limit": 38}})
    assert planned.domains[0].cpu.max_phys_addr == MaxPhysAddr("passthrough", None, 38)
    assert planned.warnings == ()


@pytest.mark.parametrize(
    ("vendor", "qemu", "disabled"), [("amd", "10.0", True), ("amd", "10.1", False), ("intel", "10.0", False)]
)
def test_old_qemu_on_amd(vendor: str, qemu: str, disabled: bool) -> None:
    (domain,) = _plan(host={"cpuVendor": vendor, "qemuVersion": qemu}).domains
    assert (("arch-capabilities", "disable") in domain.cpu.features) is disabled


def test_what_is_required_stays() -> None:
    (domain,) = _plan(host={"cpuVendor": "amd", "qemuVersion": "10.0"}, cpu={"require": ["arch-capabilities"]}).domains
    assert domain.cpu.features == (("arch-capabilities", "require"),)


@pytest.mark.parametrize("bind", ["id", "address"])
def test_a_virtual_function_is_bound_by_libvirt(bind: str) -> None:
    planned = _plan(entry={"functions": [VIRTUAL], "bind": bind})
    assert planned.gpus[0].bind == "on-demand"
    assert (planned.host.vfio.ids, planned.host.early_modules, planned.host.override_addresses) == ((), (), ())
    assert [said.path for said in planned.warnings] == ["gpus.card.bind"]


def test_the_function_that_makes_them_is_bound_as_stated() -> None:
    planned = _plan(entry={"functions": [{**VIRTUAL, "address": "0000:00:02.0"}]})
    assert (planned.gpus[0].bind, planned.warnings) == ("id", ())


def test_a_virtual_function_that_libvirt_binds_is_nothing_to_warn_of() -> None:
    assert _plan(entry={"functions": [VIRTUAL], "bind": "on-demand"}).warnings == ()


@pytest.mark.parametrize(("role", "bind"), [("virtual", "on-demand"), ("physical", "id")])
def test_facts_show_a_virtual_function(role: Literal["virtual", "physical"], bind: str) -> None:
    device = PciDevice(address=Address(0, 1, 0, 0), id=Id(0x10DE, 0x249D), pci_class="0300", sriov=Sriov(role=role))
    assert _plan(Facts(devices=(device,))).gpus[0].bind == bind
