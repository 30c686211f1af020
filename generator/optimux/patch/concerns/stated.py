"""What the concerns share that apply what a configuration states, and nothing of its defaults."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from optimux.emit.xml import Element
from optimux.patch.draft import Draft
from optimux.patch.node import Node, new_node
from optimux.patch.order import place

WHY = "the configuration says so"
Handler = Callable[[Draft], None]


def run(draft: Draft, handlers: Mapping[str, Handler]) -> None:
    """The handlers of the keys that are stated, in their order."""
    for key, handler in handlers.items():
        if draft.states(key):
            handler(draft)


def switch(draft: Draft, parent: Node, element: Element, *, on: bool) -> None:
    """An element that says something by being there."""
    present = parent.child(element.name)
    if on and present is None:
        draft.insert(parent, element, WHY)
    elif not on and present is not None:
        draft.remove(present, WHY)


def merge(draft: Draft, present: Node, wanted: Node, *, leaving: tuple[str, ...] = ()) -> None:
    """Give an element what is wanted, and keep what else it has. ``leaving`` names children that stay as they are."""
    for name, value in wanted.attributes.items():
        draft.set(present, name, value, WHY)
    if wanted.words:
        draft.set_text(present, wanted.words, WHY)
    for child in wanted.children:
        if child.local in leaving:
            continue
        inner = present.child(child.local)
        if inner is None:
            place(present, child_of(child))
            draft.did(f"added <{child.name}> to <{present.name}>", WHY)
        else:
            merge(draft, inner, child)


def child_of(node: Node) -> Node:
    """A copy that no parent has yet."""
    copy = Node(node.name, node.local, node.uri, dict(node.attributes))
    copy.text = node.text
    for child in node.children:
        copy.add(child_of(child))
    return copy


def covers(present: Node, wanted: Node, ignored: tuple[str, ...] = ("address", "alias")) -> bool:
    """Whether an element says all that is wanted, places aside."""
    if not wanted.attributes.items() <= present.attributes.items() or (wanted.words and wanted.words != present.words):
        return False
    inner = (child for child in wanted.children if child.local not in ignored)
    return all(any(covers(other, child, ignored) for other in present.all(child.local)) for child in inner)


def node_of(element: Element) -> Node:
    """The emitter's element as a node."""
    return new_node(element)
