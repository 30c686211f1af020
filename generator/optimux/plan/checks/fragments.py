"""The escape hatch: fragments of XML that must be able to stand where they are put."""

from __future__ import annotations

from optimux.notation.libvirt import QEMU
from optimux.options.vm.platform import ExtraXml
from optimux.plan.wanted import Wanted

# libxml2 refuses documents of more than 256 levels (XML_PARSER_MAX_DEPTH); some are ours.
MOST_NESTED = 200


def check_extra_xml(wanted: Wanted) -> None:
    """Every fragment of the escape hatch."""
    vm = wanted.vm
    for declared in ExtraXml.options:
        text = getattr(vm.extra_xml, declared.attribute)
        if isinstance(text, str) and text and (reason := malformed(text)):
            allowed = "well-formed elements without entities or a document type"
            wanted.error(f"extraXml.{declared.key}", reason, allowed, "Correct it.")


def elements(fragment: str) -> frozenset[str]:
    """The names of a fragment's outermost elements, as far as it is well-formed."""
    if not fragment:  # nearly always: no parser is loaded then
        return frozenset()
    from xml.parsers import expat

    parser = expat.ParserCreate()
    found, path = set[str](), list[str]()

    def started(name: str, _attributes: object) -> None:
        path.append(name)
        if len(path) == 2:
            found.add(name)

    parser.StartElementHandler, parser.EndElementHandler = started, lambda _name: path.pop()
    try:
        parser.Parse(f"<x>{fragment}</x>".encode(), True)
    except expat.ExpatError:
        return frozenset(found)  # which is refused by its own
    return frozenset(found)


def malformed(fragment: str) -> str | None:
    """Why a fragment cannot stand inside an element, or ``None``."""
    from xml.parsers import expat

    parser = expat.ParserCreate(namespace_separator=" ")
    depth = deepest = 0
    loose: list[int] = []

    def started(_name: str, _attributes: object) -> None:
        nonlocal depth, deepest
        depth += 1
        deepest = max(deepest, depth)

    def ended(_name: str) -> None:
        nonlocal depth
        depth -= 1

    def text(data: str) -> None:
        if depth == 1 and data.strip():
            loose.append(parser.CurrentLineNumber - 1)

    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = started, ended, text
    head = f"<x xmlns:qemu='{QEMU}'>\n"
    try:
        parser.Parse(f"{head}{fragment}\n</x>".encode(), True)
    except expat.ExpatError as error:
        return f"{expat.ErrorString(error.code)} (line {error.lineno - 1}, column {error.offset + 1})"
    if deepest > MOST_NESTED:
        return f"elements nested {deepest} deep, where libxml2 reads {MOST_NESTED}"
    return f"text outside of an element (line {loose[0]})" if loose else None
