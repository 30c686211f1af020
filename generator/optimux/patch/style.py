"""How a document is written: its indentation, line ends and quotes, for what is added to it."""

from __future__ import annotations

import re

from optimux.patch.node import Node

_LINE_END = re.compile(rb"\r\n|\r|\n")


class Style:
    """Read off a document's text and tree."""

    def __init__(self, text: bytes, root: Node) -> None:
        self._text = text
        self._inside: dict[Node, bytes | None] = {}
        first = _LINE_END.search(text)
        self.line_end = first[0] if first else b"\n"
        self.quote = b'"' if text.count(b'="') > text.count(b"='") else b"'"
        self.unit = self._unit(root)

    def _unit(self, root: Node) -> bytes:
        """What a level of children is indented by; the first ones say it."""
        outer = self.indent(root) or b""
        for child in root.was_children:
            inner = self.indent(child)
            if inner is not None and inner.startswith(outer) and len(inner) > len(outer):
                return inner[len(outer) :]
        return b"  "

    def indent(self, node: Node) -> bytes | None:
        """The white space before an element that is the first of its line, else ``None``."""
        assert node.span is not None
        start = end = node.span.start
        while start and self._text[start - 1] in b" \t":
            start -= 1
        return self._text[start:end] if not start or self._text[start - 1] in b"\r\n" else None

    def indent_inside(self, parent: Node, anchor: Node | None) -> bytes | None:
        """The indentation of a new child behind ``anchor``; ``None`` where children share a line."""
        if anchor is not None and (indent := self.indent(anchor)) is not None:
            return indent
        if parent not in self._inside:
            found = (self.indent(sibling) for sibling in parent.was_children)
            self._inside[parent] = next((indent for indent in found if indent is not None), None)
        if (indent := self._inside[parent]) is not None:
            return indent
        outer = self.indent(parent)
        if (
            anchor is not None
            or parent.was_children
            or outer is None
            or (parent.parent is None and not _LINE_END.search(self._text))
        ):
            return None
        return outer + self.unit

    def rendered(self, node: Node, indent: bytes | None) -> bytes:
        """A new element on lines of its own, or bare where ``indent`` is ``None``."""
        start = b"" if indent is None else self.line_end + indent
        head = start + b"<" + node.name.encode() + self.attributes(node.attributes, self.quote)
        tail = b"</" + node.name.encode() + b">"
        if not node.children:
            return head + (b">" + self.text(node.text) + tail if node.text else b"/>")
        inner = None if indent is None else indent + self.unit
        return head + b">" + b"".join(self.rendered(child, inner) for child in node.children) + start + tail

    def closing(self, parent: Node, indent: bytes | None) -> bytes:
        """What stands between the last child and the end tag of an element that had no children."""
        return b"" if indent is None else self.line_end + (self.indent(parent) or b"")

    def attributes(self, attributes: dict[str, str], quote: bytes) -> bytes:
        """Attributes, each after a space. JSON gets the quotes that it does not hold itself."""
        return b"".join(self._attribute(name, value, quote) for name, value in attributes.items())

    def _attribute(self, name: str, value: str, quote: bytes) -> bytes:
        if quote.decode() in value:
            other = b"'" if quote == b'"' else b'"'
            quote = quote if other.decode() in value else other
        return b" " + name.encode() + b"=" + quote + self.escaped(value, quote) + quote

    def escaped(self, value: str, quote: bytes) -> bytes:
        """An attribute's value inside its quotes."""
        text = self.text(value).replace(b"\n", b"&#10;").replace(b"\t", b"&#9;")
        return text.replace(quote, b"&apos;" if quote == b"'" else b"&quot;")

    def text(self, value: str) -> bytes:
        """Character data."""
        escaped = value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")
        return escaped.encode()
