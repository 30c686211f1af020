"""What differs between two domains, and whether the summary speaks of it; it knows nothing of how patches are made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from lxml import etree

from optimux.pci import Address

Element = etree._Element
# By these an element is told from its like, in this order.
_TELLING = ("alias", "name", "dev", "file", "index", "type", "model", "mode", "value", "level", "id")


def unaccounted(before: bytes, after: bytes, summary: list[str]) -> list[str]:
    """Each difference that no line of the summary names, readable."""
    old, new = (etree.fromstring(document, etree.XMLParser(remove_comments=True)) for document in (before, after))
    return [line for words, line in _differences(old, new) if not any(_names(text, words) for text in summary)]


def _names(text: str, words: tuple[str, ...]) -> bool:
    return all(word in text for word in words)


def _differences(old: Element, new: Element) -> Iterator[tuple[tuple[str, ...], str]]:
    """Of one element with its later self: the words by which a summary would name each, and the difference."""
    name = _local(new)
    for key in sorted({*old.attrib, *new.attrib}, key=str):
        was, is_ = old.get(str(key)), new.get(str(key))
        if was != is_ and name == "address":
            place = _place(new)
            yield ((str(place) if place else "address",), f"{name}/@{key}: {was} to {is_}")
            return
        if was != is_ and name == "arg":
            yield (((is_ or "")[:200],), f"argument {was} to {is_}")
        elif was != is_:
            yield ((str(key), name) if is_ is None else (str(key), name, is_), f"{name}/@{key}: {was} to {is_}")
    if (old.text or "").strip() != (new.text or "").strip():
        yield ((name, (new.text or "").strip()), f"{name}: {old.text} to {new.text}")
    yield from _children(old, new)


def _children(old: Element, new: Element) -> Iterator[tuple[tuple[str, ...], str]]:
    waiting = list(old)
    pairs, added = [], []
    for child in new:
        match = next((c for c in waiting if c.tag == child.tag and _same(c, child)), None)
        match = match if match is not None else next((c for c in waiting if _alike(c, child)), None)
        if match is None:
            added.append(child)
        else:
            waiting.remove(match)
            pairs.append((match, child))
    # What is left over may be the same element with another name.
    for child in list(added):
        match = next((c for c in waiting if c.tag == child.tag and not _is_one_of_many(child)), None)
        if match is not None:
            waiting.remove(match)
            added.remove(child)
            pairs.append((match, child))
    for one, other in pairs:
        yield from _differences(one, other)
    for child in _opened(added):
        if len(child) or child.attrib or (child.text or "").strip():
            yield (_words(child), f"added {_shown(child)}")
    for child in _opened(waiting):
        yield (("address",) if _local(child) == "address" else _words(child), f"removed {_shown(child)}")


_CONTAINERS = ("features", "hyperv", "kvm", "os", "acpi", "clock", "commandline", "override", "frontend")


def _opened(elements: list[Element]) -> Iterator[Element]:
    """What is only there for others is named by them, each."""
    for element in elements:
        if _local(element) in _CONTAINERS and len(element):
            yield from _opened(list(element))
        else:
            yield element


def _is_one_of_many(element: Element) -> bool:
    return _local(element) in ("arg", "feature", "timer", "property", "input", "controller", "hostdev", "table")


def _same(one: Element, other: Element) -> bool:
    return Counter(etree.tostring(one).split()) == Counter(etree.tostring(other).split())


def _alike(one: Element, other: Element) -> bool:
    if one.tag != other.tag:
        return False
    if _local(one) == "hostdev":
        first, second = one.find("source/address"), other.find("source/address")
        return first is not None and second is not None and sorted(first.items()) == sorted(second.items())
    if _local(one) == "device" and len(one) != len(other):
        return False
    return _tells(one) == _tells(other) != ()


def _tells(element: Element) -> tuple[str, ...]:
    return next(((key, element.get(key) or "") for key in _TELLING if element.get(key)), ())


def _words(element: Element) -> tuple[str, ...]:
    """A container that was made is named by what is in it."""
    name = _local(element)
    if name == "address":
        place = _place(element)
        return (str(place),) if place else ()
    if name == "arg":
        return ((element.get("value") or "")[:200],)
    if name == "hostdev":
        source = element.find("source/address")
        place = _place(source) if source is not None else None
        return (str(place),) if place else (name,)
    if name == "controller" and element.get("model") == "pcie-root-port":
        return (f"root port {element.get('index')}",)
    if not element.attrib and len(element):
        return _words(element[0])
    return (name, *_tells(element)[1:])


def _place(element: Element) -> Address | None:
    try:
        return Address(*(int(element.get(key) or "0", 0) for key in ("domain", "bus", "slot", "function")))
    except ValueError:
        return None


def _shown(element: Element) -> str:
    return etree.tostring(element).decode().strip()[:200]


def _local(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]
