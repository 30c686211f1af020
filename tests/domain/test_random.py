"""Whatever the plan lets pass is a well-formed domain: libvirt's schema takes it, and its daemon keeps it whole."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from lxml import etree

from lab.consumers.survival import lost
from optimux.emit.domain_xml import domain_xml
from optimux.options.model import Options
from optimux.plan.resolve import plan_from
from tests.domain.releases import facts_of
from tests.options.places import every_option, places
from tests.options.strategies import complaints, option_sets, repair

if TYPE_CHECKING:
    from lab.consumers.libvirtd import Libvirtd
    from lab.consumers.roots import Root
    from optimux.facts import Facts

SETTINGS = settings(
    max_examples=40, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
)


@cache
def _schema(root: Root) -> etree.RelaxNG:
    return etree.RelaxNG(etree.parse(str(root.path / "usr/share/libvirt/schemas/domain.rng")))


@SETTINGS
@given(data=option_sets(versions=False, facts=facts_of("trixie")))
def test_every_domain_is_valid(data: Any, trixie: Root) -> None:
    for domain in plan_from(data, facts_of("trixie")).domains:
        xml = domain_xml(domain)
        schema = _schema(trixie)
        assert schema.validate(etree.fromstring(xml.encode())), (xml, schema.error_log)
        assert domain_xml(domain) == xml


# What must exist on the host, by VM: programs, firmware, machine types, address bits.
ON_THE_HOST = (("emulator",), ("machine",), ("firmware", "loader"), ("cpu", "maxPhysAddr"))


def _without_the_hosts(data: Any) -> Any:
    for vm in data["vms"].values():
        for *tables_, key in ON_THE_HOST:
            holder = vm
            for table in tables_:
                holder = holder.get(table, {})
            holder.pop(key, None)
    return data


class TestLibvirtd:
    """The plan knows all that libvirt has against a domain: none is refused, none comes back changed."""

    @settings(SETTINGS, max_examples=20)
    @given(data=option_sets(repaired=False, versions=False))
    def test_trixie_keeps_it(self, data: Any, libvirtd_trixie: Libvirtd) -> None:
        self.keeps(libvirtd_trixie, data, facts_of("trixie"))

    @settings(SETTINGS, max_examples=20)
    @given(data=option_sets(repaired=False, versions=False))
    def test_bookworm_keeps_it(self, data: Any, libvirtd_bookworm: Libvirtd) -> None:
        self.keeps(libvirtd_bookworm, data, facts_of("bookworm"))

    def keeps(self, libvirtd: Libvirtd, data: Any, facts: Facts) -> None:
        for domain in plan_from(repair(_without_the_hosts(data), facts), facts).domains:
            xml = domain_xml(domain)
            assert lost(xml, libvirtd.kept(xml, domain.name)) == []


def test_the_schema_would_refuse(trixie: Root) -> None:
    (domain,) = plan_from({"host": {}, "vms": {"a": {"memory": "1GiB"}}}, facts_of("trixie")).domains
    xml = domain_xml(domain)
    assert _schema(trixie).validate(etree.fromstring(xml.encode()))
    assert not _schema(trixie).validate(etree.fromstring(xml.replace("<acpi/>", "<apci/>").encode()))


@pytest.fixture(scope="module")
def drawn() -> list[Any]:
    """What the strategy gives."""
    found: list[Any] = []

    @settings(SETTINGS, max_examples=120)
    @given(option_sets())
    def draw(data: Any) -> None:
        found.append(data)

    draw()
    return found


class TestTheStrategy:
    """A strategy that gives hardly anything proves hardly anything."""

    def test_most_resolve(self, drawn: list[Any]) -> None:
        assert sum(not complaints(data) for data in drawn) >= len(drawn) * 0.8

    def test_most_options_take_part(self, drawn: list[Any]) -> None:
        seen = {place.path for data in drawn for place in places(Options, data)}
        every = [path for path, _ in every_option(Options)]
        missing = [path for path in every if path not in seen]
        assert len(missing) <= len(every) * 0.25, missing

    def test_they_differ(self, drawn: list[Any]) -> None:
        assert len({repr(data) for data in drawn}) >= len(drawn) * 0.8
