"""Whatever the plan lets pass is a well-formed domain that libvirt's schema takes."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from lxml import etree

from optimux.emit.domain_xml import domain_xml
from optimux.options.model import Options
from optimux.plan.resolve import plan_from
from tests.domain.releases import facts_of
from tests.options.places import every_option, places
from tests.options.strategies import complaints, option_sets

if TYPE_CHECKING:
    from tests.consumers.roots import Root

SETTINGS = settings(
    max_examples=60, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
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
