"""From the changed tree back to the document: edits of its text, each derived once, none overlapping another."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from optimux.patch.node import Node
from optimux.patch.style import Style

_ATTRIBUTE = re.compile(rb"\s+([^\s=/>]+)\s*=\s*(\"[^\"]*\"|'[^']*')")
_NAME = re.compile(rb"<[^\s/>]+")
_SLASH = re.compile(rb"\s*/>")
# What may follow an element on its line and belongs to it.
_REST_OF_LINE = re.compile(rb"(?:[ \t]|<!--(?:(?!-->)[^\r\n])*-->)*(?=[\r\n])")
_BLANK_TO_NEXT_LINE = re.compile(rb"[ \t]*(?:\r\n|\r|\n)")


class Edit(NamedTuple):
    """The text from ``start`` to ``end`` becomes ``new``."""

    start: int
    end: int
    new: bytes


def edits(text: bytes, root: Node, style: Style) -> list[Edit]:
    """What turns ``text`` into the tree as it is now, in the order of the text."""
    found = list(_Differ(text, style).of(root))
    return sorted(found, key=lambda edit: (edit.start, edit.end))


def apply(text: bytes, changes: list[Edit]) -> bytes:
    """The text after all the edits, which are sorted."""
    parts, position = [], 0
    for edit in changes:
        assert edit.start >= position, "two edits of one place"
        parts += [text[position : edit.start], edit.new]
        position = edit.end
    return b"".join([*parts, text[position:]])


class _Differ:
    """Compares each element with what it was."""

    def __init__(self, text: bytes, style: Style) -> None:
        self._text = text
        self._style = style

    def of(self, node: Node) -> Iterator[Edit]:
        """The edits of an element of the document, and of all in it."""
        if node.attributes != node.was_attributes:
            yield from self._attributes(node)
        if node.text != node.was_text and not node.children:
            yield self._content(node)
        if self._is_emptied(node):
            assert node.span is not None
            yield Edit(node.span.tag_end - 1, node.span.end, b"/>")
            return
        yield from self._removals(node)
        yield from self._insertions(node)
        for child in node.children:
            if child.span is not None:
                yield from self.of(child)

    def _is_emptied(self, node: Node) -> bool:
        """Whether an element lost its last child, and holds not even a comment."""
        if node.children or not node.was_children or node.text.strip():
            return False
        assert node.span is not None
        position, between = node.span.tag_end, []
        for child in node.was_children:
            assert child.span is not None
            between.append(self._text[position : child.span.start])
            position = child.span.end
        between.append(self._text[position : node.span.close])
        return not any(map(bytes.strip, between))

    def _attributes(self, node: Node) -> Iterator[Edit]:
        assert node.span is not None
        head = _NAME.match(self._text, node.span.start)
        assert head is not None
        position, quote, seen = head.end(), self._style.quote, set()
        while match := _ATTRIBUTE.match(self._text, position):
            name = match[1].decode()
            position, quote = match.end(), match[2][:1]
            seen.add(name)
            if name not in node.attributes:
                yield Edit(match.start(), match.end(), b"")
            elif node.attributes[name] != node.was_attributes[name]:
                value = self._style.escaped(node.attributes[name], quote)
                yield Edit(match.start(2) + 1, match.end(2) - 1, value)
        added = {name: value for name, value in node.attributes.items() if name not in seen}
        if added:
            yield Edit(position, position, self._style.attributes(added, quote))

    def _content(self, node: Node) -> Edit:
        assert node.span is not None
        content = self._style.text(node.text)
        if node.span.close == node.span.tag_end == node.span.end:
            return self._opened(node, content)
        return Edit(node.span.tag_end, node.span.close, content)

    def _opened(self, node: Node, content: bytes) -> Edit:
        """``<a/>`` with something in it."""
        assert node.span is not None
        end = node.span.end
        slash = self._text.rindex(b"/", 0, end)
        while self._text[slash - 1 : slash].isspace():
            slash -= 1
        return Edit(slash, end, b">" + content + b"</" + node.name.encode() + b">")

    def _removals(self, node: Node) -> Iterator[Edit]:
        kept = {id(child) for child in node.children}
        for child in node.was_children:
            if id(child) not in kept:
                yield self._removal(child)

    def _removal(self, node: Node) -> Edit:
        """An element alone on its lines goes with them."""
        assert node.span is not None
        start, end = node.span.start, node.span.end
        indent = self._style.indent(node)
        blank = _BLANK_TO_NEXT_LINE.match(self._text, end)
        if indent is None or blank is None:
            return Edit(start, end, b"")
        return Edit(start - len(indent), blank.end(), b"")

    def _insertions(self, node: Node) -> Iterator[Edit]:
        run: list[Node] = []
        anchor: Node | None = None
        for child in node.children:
            if child.span is None:
                run.append(child)
                continue
            if run:
                yield self._insertion(node, anchor, run)
            run, anchor = [], child
        if run:
            yield self._insertion(node, anchor, run)

    def _insertion(self, parent: Node, anchor: Node | None, run: list[Node]) -> Edit:
        assert parent.span is not None
        indent = self._style.indent_inside(parent, anchor)
        new = b"".join(self._style.rendered(node, indent) for node in run)
        if parent.span.tag_end == parent.span.end:
            return self._opened(parent, new + self._style.closing(parent, indent))
        position = self._behind(parent, anchor, indent)
        # Only an end tag on the same line needs a line of its own; other elements stay where they are.
        if not parent.was_children and not re.search(rb"[\r\n]", self._text[position : parent.span.close]):
            new += self._style.closing(parent, indent)
        return Edit(position, position, new)

    def _behind(self, parent: Node, anchor: Node | None, indent: bytes | None) -> int:
        """The place behind an element, or behind the parent's start tag, and behind a comment on the same line."""
        assert parent.span is not None
        position = parent.span.tag_end
        if anchor is not None:
            assert anchor.span is not None
            position = anchor.span.end
        rest = _REST_OF_LINE.match(self._text, position) if indent is not None else None
        return rest.end() if rest else position
