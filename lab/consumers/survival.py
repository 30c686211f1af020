"""Which elements, attributes and texts of a generated domain did not survive in libvirt's dump of it?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lxml import etree

from lab.consumers.assignment import cheapest

if TYPE_CHECKING:
    from collections.abc import Iterator

    Element = etree._Element

_NUMBER = re.compile(r"0[xX][0-9a-fA-F]+|0|[1-9][0-9]*")
_QEMU = "{http://libvirt.org/schemas/domain/qemu/1.0}"
# Siblings whose order says something: the arguments of a command line, the boot devices.
_ORDERED = frozenset({f"{_QEMU}arg", "boot"})
# https://libvirt.org/formatdomain.html#memory-allocation: the powers of 1024 may be written without "iB".
_SCALE = {"b": 1, "bytes": 1} | {
    f"{letter}{ending}": base**power
    for power, letter in enumerate("KMGTPE", start=1)
    for ending, base in (("", 1024), ("iB", 1024), ("B", 1000))
}
# What a size without a unit is counted in.
_DEFAULT_UNIT = {"size": "bytes"} | dict.fromkeys(
    ("memory", "currentMemory", "maxMemory", "pcihole64", "hard_limit", "soft_limit", "swap_hard_limit", "page"), "KiB"
)


def lost(generated_xml: str, dumped_xml: str) -> list[str]:
    """Every element, attribute or text of the first document that the second one lacks, as readable lines.

    Siblings may come in any order but must be as many; the second document may hold more. Numbers compare by
    value (``0x10`` is ``16``), sizes by value and unit (``1 GiB`` is ``1048576 KiB``), everything else as written.
    """
    generated, dumped = (etree.fromstring(xml.encode()) for xml in (generated_xml, dumped_xml))
    if generated.tag != dumped.tag:
        return [f"/{_name(generated)}: the element became {_name(dumped)}"]
    return list(_lost(generated, dumped, f"/{_name(generated)}"))


def _name(element: Element) -> str:
    return element.tag.replace(_QEMU, "qemu:")


def _same(one: str, other: str) -> bool:
    if one == other:
        return True
    return bool(_NUMBER.fullmatch(one) and _NUMBER.fullmatch(other)) and int(one, 0) == int(other, 0)


def _text(element: Element) -> str:
    return (element.text or "").strip()


def _bytes(element: Element) -> int | None:
    """The size that an element states as its text or its ``size`` attribute, in bytes."""
    number = _text(element) or element.get("size", "")
    scale = _SCALE.get(element.get("unit") or _DEFAULT_UNIT.get(element.tag, ""))
    return int(number) * scale if number.isdecimal() and scale else None


def _lost(generated: Element, dumped: Element, path: str) -> Iterator[str]:
    size = _bytes(generated)
    # One size in another unit: its number and its unit are kept together.
    sized = {"unit", "" if _text(generated) else "size"} if size is not None and size == _bytes(dumped) else set()
    for name in (str(key) for key in generated.keys() if key not in sized):  # noqa: SIM118 - an element is no dict
        value, kept = generated.get(name, ""), dumped.get(name)
        if kept is None:
            yield f"{path}: attribute {name}='{value}' is gone"
        elif not _same(value, kept):
            yield f"{path}: attribute {name}='{value}' became '{kept}'"
    text = _text(generated)
    if text and not sized and not _same(text, _text(dumped)):
        yield f"{path}: text '{text}' became '{_text(dumped)}'"
    yield from _lost_children(generated, dumped, path)


def _children(element: Element) -> dict[str, list[Element]]:
    found: dict[str, list[Element]] = {}
    for child in element.iterchildren(tag=etree.Element):
        found.setdefault(child.tag, []).append(child)
    return found


def _lost_children(generated: Element, dumped: Element, path: str) -> Iterator[str]:
    kept = _children(dumped)
    for tag, children in _children(generated).items():
        partners = _pair(children, kept.get(tag, []))
        for number, (child, partner) in enumerate(zip(children, partners, strict=True), start=1):
            place = f"{path}/{_name(child)}" + (f"[{number}]" if len(children) > 1 else "")
            if partner is None:
                yield f"{place}: the element is gone"
            else:
                yield from _lost(child, partner, place)


def _weight(element: Element) -> int:
    return sum(2 + len(each.attrib) for each in element.iter(etree.Element))


def _cost(generated: Element, dumped: Element | None) -> int:
    """How much is lost when ``dumped`` stands for ``generated``."""
    if dumped is None:
        return _weight(generated)
    return sum(1 for _ in _lost(generated, dumped, ""))


def _pair(generated: list[Element], dumped: list[Element]) -> list[Element | None]:
    """For each generated sibling the dumped one that stands for it, each used once, with the least loss."""
    candidates: list[Element | None] = [*dumped, *[None] * max(0, len(generated) - len(dumped))]
    if generated[0].tag in _ORDERED:
        return candidates[: len(generated)]
    if len(candidates) == 1:
        return candidates
    columns = cheapest([[_cost(one, other) for other in candidates] for one in generated])
    return [candidates[column] for column in columns]
