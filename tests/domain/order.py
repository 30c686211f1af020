"""Are the elements of a generated domain in the order in which libvirt writes them?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxml import etree

from lab.consumers.survival import lost

if TYPE_CHECKING:
    from collections.abc import Iterator

    Element = etree._Element


def out_of_order(generated_xml: str, dumped_xml: str) -> list[str]:
    """Every element that libvirt's dump has elsewhere among its siblings, as readable lines.

    The dump may hold more elements; each of the generated ones is looked for behind the one before it.
    """
    generated, dumped = (etree.fromstring(xml.encode()) for xml in (generated_xml, dumped_xml))
    return list(_out_of_order(generated, dumped, generated.tag))


def _out_of_order(generated: Element, dumped: Element, path: str) -> Iterator[str]:
    siblings = list(dumped.iterchildren(tag=etree.Element))
    start = 0
    for child in generated.iterchildren(tag=etree.Element):
        place = f"{path}/{etree.QName(child).localname}"
        found = next((n for n in range(start, len(siblings)) if _is_kept_as(child, siblings[n])), None)
        if found is None:
            earlier = etree.QName(siblings[start - 1]).localname if start else "nothing"
            yield f"{place} {dict(child.attrib.items())}: not behind {earlier} in the dump"
        else:
            start = found + 1
            yield from _out_of_order(child, siblings[found], place)


def _is_kept_as(child: Element, sibling: Element) -> bool:
    if child.tag != sibling.tag:
        return False
    return not lost(etree.tostring(child, encoding="unicode"), etree.tostring(sibling, encoding="unicode"))
