"""What concerns share that bring single elements to what a configuration states."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from optimux.emit.xml import Element
from optimux.patch.draft import Draft
from optimux.patch.node import Node

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


def put(draft: Draft, parent: Node, wanted: Element, why: str = WHY, by: tuple[str, ...] = ()) -> None:
    """A childless element with these attributes and this text: added, or given to the one that is there.

    ``by`` are attributes that tell it from others of its name.
    """
    present = parent.child(wanted.name, "", **{name: wanted.attributes[name] for name in by})
    if present is None:
        draft.insert(parent, wanted, why)
        return
    for name, value in wanted.attributes.items():
        draft.set(present, name, value, why)
    if wanted.text:
        draft.set_text(present, wanted.text, why)


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
