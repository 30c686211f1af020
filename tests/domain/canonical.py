"""A domain's elements, attributes and texts in a form that is the same for equal documents."""

from __future__ import annotations

from hashlib import sha256

from lxml import etree


def canonical(xml: str) -> str:
    """One line an element, in document order: depth, name with its namespace, attributes sorted, text stripped.

    Comments, white space and prefixes do not show; the order of elements does.
    """
    lines = []
    for node in etree.fromstring(xml.encode()).iter(etree.Element):
        depth = sum(1 for _ in node.iterancestors())
        attributes = " ".join(f"{key!s}={value!r}" for key, value in sorted(node.attrib.items()))
        lines.append(f"{depth} {node.tag!s} [{attributes}] {(node.text or '').strip()!r}\n")
    return "".join(lines)


def digest(xml: str) -> str:
    """SHA-256 of the canonical form, in hexadecimal."""
    return sha256(canonical(xml).encode()).hexdigest()
