"""omen-17-2023 is the 2023 article's own machine: its final domain and its battery table, without an escape hatch.

The digests were computed once from the article's appendix. What they stand for: 170 elements, of which the order, the
attributes and the texts count, and comments, white space and the order of attributes do not.
"""

from __future__ import annotations

from hashlib import sha256

import pytest

from optimux.options.model import Options
from tests.domain.canonical import canonical, digest
from tests.golden_cases import case
from tests.options.places import places

ARTICLE = "5781d47035ec31dd405118864d9b59f0e8531460ae0ae8c8fb56f063a4202c06"
TABLE = "1d973edc1c30fdedf8b576e12c7de89821b48fbdc95042500fdb68e1dd1c801c"
ELEMENTS = 170
NAME = "omen-17-2023"


def domain() -> str:
    return case(NAME).bundle()["domains/Windows11.xml"].decode()


def test_the_domain() -> None:
    xml = domain()
    assert digest(xml) == ARTICLE, (
        f"examples/{NAME}.toml no longer gives the article's domain ({ELEMENTS} elements, now "
        f"{len(canonical(xml).splitlines())}). `git log -p tests/golden/{NAME}/expected/domains` shows the last one "
        "that did; an element, its place, an attribute or a text has changed since."
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("retries='8191'", "retries='8192'"),  # an attribute
        ("<name>Windows11<", "<name>Windows10<"),  # a text
        ("<acpi/>\n    <apic/>", "<apic/>\n    <acpi/>"),  # an order
        ("<apic/>", ""),  # an element
    ],
)
def test_any_change_shows(old: str, new: str) -> None:
    xml = domain()
    assert old in xml
    assert digest(xml.replace(old, new)) != ARTICLE


def test_what_does_not_count() -> None:
    xml = domain()
    other = xml.replace("<apic/>", "<!-- the local one -->\n\n  <apic></apic>").replace(
        "mode='host-passthrough' check='none'", "check='none' mode='host-passthrough'"
    )
    assert other != xml
    assert digest(other) == ARTICLE


def test_the_table() -> None:
    assert sha256(case(NAME).bundle()["acpi/Windows11.aml"]).hexdigest() == TABLE


@pytest.mark.parametrize("name", ["omen-17", NAME])
def test_no_escape_hatch(name: str) -> None:
    stated = {place.path for place in places(Options, case(name).data())}
    assert not [path for path in stated if "extra" in path.lower()]


def test_an_escape_hatch_would_show() -> None:
    stated = {place.path for place in places(Options, case("extra-xml").data())}
    assert [path for path in stated if "extra" in path.lower()]
