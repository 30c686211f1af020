"""Every case's domains, generated for a release, are valid by that release's schema, and its libvirtd keeps them whole.

Accepted is not kept: libvirt drops what it does not know, so what comes back is compared.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pytest

from lab.consumers.libvirt_schema import libvirt_schema_validate
from lab.consumers.survival import lost
from lab.errors import Refused
from tests.domain.order import out_of_order
from tests.domain.releases import REFUSED, RELEASES, data_for, domains, possible, refused_paths
from tests.golden_cases import CASES, Case, case

if TYPE_CHECKING:
    from lab.consumers.libvirtd import Libvirtd
    from lab.consumers.roots import Root


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_plan_knows_what_a_release_cannot_do(case: Case, release: str) -> None:
    assert refused_paths(case, release) == REFUSED.get((case.name, release), [])


@cache
def _kept(libvirtd: Libvirtd, name: str, xml: str) -> str:
    return libvirtd.kept(xml, name)


def keeps(libvirtd: Libvirtd, root: Root, case: Case, release: str) -> None:
    for domain in domains(case, release):
        libvirt_schema_validate(root, domain.xml)
        assert lost(domain.xml, _kept(libvirtd, domain.name, domain.xml)) == []


def is_in_order(libvirtd: Libvirtd, case: Case, release: str) -> None:
    """Escape hatches end their parent's children, wherever libvirt would have them: they are left out here."""
    data = data_for(case)
    for vm in data.get("vms", {}).values():
        vm.pop("extraXml", None)
    for domain in domains(case, release, data):
        assert out_of_order(domain.xml, _kept(libvirtd, domain.name, domain.xml)) == []


class TestBookworm:
    """libvirt 9.0 and QEMU 7.2."""

    @pytest.mark.parametrize("case", possible("bookworm"), ids=lambda case: case.name)
    def test_keeps(self, case: Case, libvirtd_bookworm: Libvirtd, bookworm: Root) -> None:
        keeps(libvirtd_bookworm, bookworm, case, "bookworm")

    @pytest.mark.parametrize("case", possible("bookworm"), ids=lambda case: case.name)
    def test_order(self, case: Case, libvirtd_bookworm: Libvirtd) -> None:
        is_in_order(libvirtd_bookworm, case, "bookworm")

    def test_a_newer_enlightenment_is_refused(self, libvirtd_bookworm: Libvirtd) -> None:
        """The plan's refusal has its reason: forced into the XML, libvirt does not take it."""
        domain = domains(case("bookworm"), "bookworm")[0]
        forced = domain.xml.replace("</hyperv>", "<emsr_bitmap state='on'/></hyperv>")
        with pytest.raises(Refused, match="emsr_bitmap"):
            libvirtd_bookworm.define(forced)

    def test_a_newer_attribute_is_dropped_and_noticed(self, libvirtd_bookworm: Libvirtd) -> None:
        domain = domains(case("bookworm"), "bookworm")[0]
        forced = domain.xml.replace("</cpu>", "<maxphysaddr mode='passthrough' limit='39'/></cpu>")
        assert lost(forced, libvirtd_bookworm.kept(forced, domain.name)) == [
            "/domain/cpu/maxphysaddr: attribute limit='39' is gone"
        ]


class TestTrixie:
    """libvirt 11.3 and QEMU 10.0."""

    @pytest.mark.parametrize("case", possible("trixie"), ids=lambda case: case.name)
    def test_keeps(self, case: Case, libvirtd_trixie: Libvirtd, trixie: Root) -> None:
        keeps(libvirtd_trixie, trixie, case, "trixie")

    @pytest.mark.parametrize("case", possible("trixie"), ids=lambda case: case.name)
    def test_order(self, case: Case, libvirtd_trixie: Libvirtd) -> None:
        is_in_order(libvirtd_trixie, case, "trixie")

    @pytest.mark.parametrize(
        ("first", "second"), [("<watchdog", "<memballoon"), ("<acpi/>", "<apic/>"), ("<memory ", "<currentMemory ")]
    )
    def test_another_order_shows(self, first: str, second: str, libvirtd_trixie: Libvirtd) -> None:
        domain = domains(case("omen-17-2023"), "trixie")[0]
        lines = domain.xml.splitlines()
        one, other = (next(n for n, line in enumerate(lines) if line.lstrip().startswith(w)) for w in (first, second))
        lines[one], lines[other] = lines[other], lines[one]
        swapped = "\n".join(lines)
        assert len(out_of_order(swapped, libvirtd_trixie.kept(swapped, domain.name))) == 1

    def test_what_a_newer_release_alone_has_is_refused(self, libvirtd_trixie: Libvirtd) -> None:
        domain = domains(case("omen-17"), "trixie")[0]
        forced = domain.xml.replace("bus='virtio'/>", "bus='nvme'/>", 1).replace("dev='vda'", "dev='nvme0n1'")
        assert forced != domain.xml
        with pytest.raises(Refused):
            libvirtd_trixie.define(forced)
