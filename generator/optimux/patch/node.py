"""An element that may be changed, and that knows what it was."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from optimux.emit.xml import Element
from optimux.notation.libvirt import QEMU


class Span(NamedTuple):
    """Offsets into the UTF-8 text: start tag from ``start`` to ``tag_end``, end tag from ``close`` to ``end``.

    ``close``, ``end`` and ``tag_end`` are one for ``<a/>``.
    """

    start: int
    tag_end: int
    close: int
    end: int


class Node:
    """One element. ``text`` is its direct character data, ``uri`` the namespace of its prefix.

    ``span`` is ``None`` for an element that no document has yet.
    """

    __slots__ = ("_children", "_has_gaps", "attributes", "gone", "local", "name", "parent", "span", "text", "uri",
                 "was_attributes", "was_children", "was_text")  # fmt: skip

    def __init__(self, name: str, local: str, uri: str, attributes: dict[str, str]) -> None:
        self.name, self.local, self.uri = name, local, uri
        self.attributes = attributes
        self._children: list[Node] = []
        self._has_gaps = False
        self.gone = False
        self.text = ""
        self.parent: Node | None = None
        self.span: Span | None = None
        self.was_attributes: dict[str, str] = {}
        self.was_children: tuple[Node, ...] = ()
        self.was_text = ""

    def remember(self) -> None:
        """Take the present state as what the document says."""
        self.was_attributes = self.attributes
        self.was_children = tuple(self._children)
        self.was_text = self.text

    @property
    def children(self) -> list[Node]:
        """The elements inside. Removed ones go all at once, so that many removals cost no more than one."""
        if self._has_gaps:
            self._children = [child for child in self._children if not child.gone]
            self._has_gaps = False
        return self._children

    @property
    def words(self) -> str:
        """The text without the white space around it."""
        return self.text.strip()

    def get(self, name: str, default: str = "") -> str:
        """An attribute's value."""
        return self.attributes.get(name, default)

    def all(self, local: str, uri: str = "", **attributes: str) -> Iterator[Node]:
        """The children of a name that have all these attribute values (``type_`` for ``type``)."""
        wanted = {key.rstrip("_"): value for key, value in attributes.items()}.items() if attributes else {}.items()
        for child in self.children:
            if child.local == local and child.uri == uri and wanted <= child.attributes.items():
                yield child

    def child(self, local: str, uri: str = "", **attributes: str) -> Node | None:
        """The first of ``all``."""
        if attributes:
            return next(self.all(local, uri, **attributes), None)
        for child in self.children:  # what is asked most often costs no generator
            if child.local == local and child.uri == uri:
                return child
        return None

    def set(self, name: str, value: object) -> bool:
        """Give an attribute a value; whether that changed something."""
        if self.attributes.get(name) == str(value):
            return False
        self._own_attributes()[name] = str(value)
        return True

    def unset(self, name: str) -> bool:
        """Remove an attribute; whether it was there."""
        return name in self.attributes and self._own_attributes().pop(name, None) is not None

    def _own_attributes(self) -> dict[str, str]:
        """Apart from what the document says, from the first change on."""
        if self.attributes is self.was_attributes:
            self.attributes = dict(self.attributes)
        return self.attributes

    def set_text(self, text: str) -> bool:
        """Give a childless element its text; whether that changed something."""
        if self.words == text:
            return False
        self.text = text
        return True

    def remove(self) -> None:
        """Take the element out of its parent."""
        assert self.parent is not None
        self.gone = True
        self.parent._has_gaps = True

    def add(self, child: Node, index: int | None = None) -> Node:
        """Put an element among the children: by number, or last."""
        if child.gone and child.parent is not None:
            _ = child.parent.children  # it leaves its old place before it gets a new one
        child.parent, child.gone = self, False
        self.children.insert(len(self.children) if index is None else index, child)
        return child


def new_node(element: Element, prefix: str = "qemu") -> Node:
    """A node from what the emitter builds; ``raw`` is not taken over. ``prefix`` is the document's for QEMU's names."""
    head, _, local = element.name.rpartition(":")
    name = f"{prefix}:{local}" if head == "qemu" else element.name
    node = Node(name, local, QEMU if head == "qemu" else "", dict(element.attributes))
    node.text = element.text or ""
    for child in element.children:
        node.add(new_node(child, prefix))
    return node
