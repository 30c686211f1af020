"""A domain that has much, with one thing of it otherwise: what a patch then makes and says otherwise, to the letter.

Each element and attribute is left out, each switch turned, each number one higher, each device there twice; each key of
the configuration is unsaid. What a condition of the patch asks for is thus there in one run and not in its neighbour.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from copy import deepcopy
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from optimux.errors import InvalidInput
from optimux.patch import patch_domain
from optimux.patch.card import without_card
from optimux.plan.model import DomainPlan
from tests.patch.corners import CORNERS, Corner
from tests.patch.plans import domain, plan, words

FOLDER = Path(__file__).parent / "otherwise"
MOST, WIDTH = 5, 120
Element = etree._Element
_TURNED = {"yes": "no", "no": "yes", "on": "off", "off": "on", "true": "false", "none": "virtio"}
_ARGUMENT = "{http://libvirt.org/schemas/domain/qemu/1.0}arg"


def variants(text: str) -> Iterator[tuple[str, str]]:
    """Each with a name, which is no two's."""
    names: Counter[str] = Counter()
    for number, element in enumerate(_read(text).iterdescendants("*")):
        for name, change in _changes(element):
            root = _read(text)
            change(list(root.iterdescendants("*"))[number])
            names[name] += 1
            yield (name if names[name] == 1 else f"{name} ({names[name]})"), written(root)


def _changes(element: Element) -> Iterator[tuple[str, Callable[[Element], None]]]:
    name, parent = _name(element), element.getparent()
    if element.tag == _ARGUMENT:
        if not str(element.get("value")).startswith("-"):
            yield f"without {element.get('value')}", _drop_option
            yield f"{element.get('value')} twice", _double_option
        return
    yield f"without {name}", _drop
    if parent is not None and parent.tag == "devices":
        yield f"{name} twice", lambda here: here.addnext(deepcopy(here))
    for key, value in ((str(key), str(value)) for key, value in element.items()):
        yield f"{name} without {key}", partial(_without, key)
        if (other := _otherwise(value)) is not None:
            yield f"{name} with {key}={other}", partial(_with, key, other)
    if (other := _otherwise((element.text or "").strip())) is not None:
        yield f"{name} of {other}", partial(_with_text, other)


def _otherwise(value: str) -> str | None:
    if value.isdecimal():
        return str(int(value) + 1)
    if value.startswith("0x"):
        return f"{int(value, 16) + 1:#x}"
    return _TURNED.get(value)


def _double_option(value: Element) -> None:
    option = value.getprevious()
    assert option is not None
    value.addnext(deepcopy(value))
    value.addnext(deepcopy(option))


def _without(key: str, element: Element) -> None:
    del element.attrib[key]


def _with(key: str, value: str, element: Element) -> None:
    element.set(key, value)


def _with_text(text: str, element: Element) -> None:
    element.text = text


def _name(element: Element) -> str:
    """The elements around, below the domain's own parts, and what they say."""
    steps = [element, *element.iterancestors()][:-1]
    return "/".join(
        " ".join(
            [etree.QName(step).localname, *(str(step.get(key)) for key in ("type", "model", "name") if step.get(key))]
        )
        for step in reversed(steps)
    ).removeprefix("devices/")


def _drop(element: Element) -> None:
    parent = element.getparent()
    assert parent is not None
    parent.remove(element)


def _drop_option(value: Element) -> None:
    option = value.getprevious()
    assert option is not None
    _drop(value)
    _drop(option)


def _outcome(text: str, planned: DomainPlan) -> Counter[str]:
    """The lines of the document after the patch, and all that was said; or why it is refused."""
    try:
        found = patch_domain(text.encode(), planned)
    except InvalidInput as error:
        return Counter(f"refused {problem}" for problem in error.problems)
    return Counter([*found.document.decode().splitlines(), *words(found).splitlines()])


def differences(corner: Corner) -> str:
    """Of each variant the lines that the domain as it stands does not come to, and those that it alone comes to."""
    text, planned = written(_read(corner.text)), plan(**corner.tables)
    usual = _outcome(text, planned)
    assert not _is_refused(usual)
    told = []
    for name, varied in variants(text):
        told += _told(name, usual, _outcome(varied, planned))
    for name, tables in unsaid(corner.tables):
        with suppress(InvalidInput):  # what else is said may need it
            told += _told(f"{name} unsaid", usual, _outcome(text, plan(**tables)))
    bare = without_card(text.encode(), planned).decode()
    return "\n".join([*told, *_told("the card gone", Counter(text.splitlines()), Counter(bare.splitlines()))])


def _told(name: str, usual: Counter[str], found: Counter[str]) -> list[str]:
    gone = usual - found if not _is_refused(found) else ()
    lines = [*(f"  + {line.strip()}" for line in found - usual), *(f"  - {line.strip()}" for line in gone)]
    return [name, *_short(lines)] if lines else []


def _is_refused(found: Counter[str]) -> bool:
    return any(line.startswith("refused") for line in found)


def unsaid(said: Any) -> Iterator[tuple[str, Any]]:
    """What is said without each part of it, by its path."""
    for key in said if isinstance(said, dict) else range(len(said)) if isinstance(said, list) else ():
        less = said.copy()
        del less[key]
        yield str(key), less
        for name, inner in unsaid(said[key]):
            changed = said.copy()
            changed[key] = inner
            yield f"{key}.{name}", changed


def _short(lines: list[str]) -> list[str]:
    """The first ones, each as far as a reader wants it, and what tells all of them from others."""
    digest = sha256("\n".join(lines).encode()).hexdigest()[:8]
    shown = [line if len(line) <= WIDTH else f"{line[:WIDTH]}…" for line in lines[:MOST]]
    return shown if shown == lines else [*shown, f"  {len(lines)} lines in all, {digest}"]


def written(root: Element) -> str:
    """An element a line, so that a difference names one."""
    etree.indent(root)
    return etree.tostring(root, encoding="unicode") + "\n"


def _read(text: str) -> Element:
    return etree.fromstring(text.encode(), etree.XMLParser(remove_blank_text=True))


@pytest.mark.parametrize("name", CORNERS)
def test_it_is_as_it_was_read(name: str, update_golden: bool) -> None:
    file = FOLDER / f"{name}.txt"
    found = differences(CORNERS[name])
    if update_golden:
        file.write_text(found + "\n", encoding="utf-8")
    assert file.exists(), "no letters: --update-golden"
    assert found.splitlines() == file.read_text(encoding="utf-8").splitlines()


def test_no_letters_of_nothing() -> None:
    assert {file.stem for file in FOLDER.iterdir()} == set(CORNERS)


def test_the_twin_what_nothing_depends_on_is_no_difference() -> None:
    told = differences(Corner(domain(), {"vms": {"vcpus": 4}})).splitlines()
    at = told.index("without name")
    assert told[at + 1 : at + 3] == ["  - <name>win</name>", "without memory"]
    assert "  + refused domain: found no <os><type>; allowed: hvm. " in "\n".join(told)


def test_what_is_unsaid() -> None:
    said = {"a": 1, "b": [{"c": 2}, 3]}
    assert dict(unsaid(said)) == {
        "a": {"b": [{"c": 2}, 3]},
        "b": {"a": 1},
        "b.0": {"a": 1, "b": [3]},
        "b.0.c": {"a": 1, "b": [{}, 3]},
        "b.1": {"a": 1, "b": [{"c": 2}]},
    }
