"""A small XML tree whose output is what a person would write: one element a line, readable quotes.

libvirt's JSON arguments are full of double quotes; lxml would write ``&quot;``, we pick the other quote instead.
"""

from __future__ import annotations

from optimux.record import Record

Attributes = dict[str, str]


class Element(Record):
    """A name, attributes in order, and either text or children. ``raw`` is XML written as it stands."""

    name: str
    attributes: Attributes
    children: tuple[Element, ...] = ()
    text: str | None = None
    raw: str = ""


def element(
    name: str, /, *children: Element | None, text: str | None = None, raw: str = "", **attributes: object
) -> Element:
    """Build an element; ``None`` children and ``None`` attribute values are left out.

    A trailing underscore (``type_``) avoids Python's words; ``__`` writes a colon (``xmlns__qemu``).
    """
    written = {key.rstrip("_").replace("__", ":"): str(value) for key, value in attributes.items() if value is not None}
    return Element(name, written, tuple(child for child in children if child is not None), text, raw)


def on_off(value: bool | None) -> str | None:
    """libvirt's virOnOff; ``None`` stays ``None``."""
    return None if value is None else "on" if value else "off"


def yes_no(value: bool | None) -> str | None:
    """libvirt's virYesNo; ``None`` stays ``None``."""
    return None if value is None else "yes" if value else "no"


def render(root: Element) -> str:
    """The document, two spaces a level, a line feed at the end."""
    lines: list[str] = []
    _render(root, "", lines)
    return "\n".join(lines) + "\n"


def _render(node: Element, indent: str, lines: list[str]) -> None:
    start = indent + "<" + node.name + "".join(f" {key}={_quoted(value)}" for key, value in node.attributes.items())
    if node.text is not None:
        lines.append(f"{start}>{_escaped(node.text)}</{node.name}>")
    elif not node.children and not node.raw:
        lines.append(start + "/>")
    else:
        lines.append(start + ">")
        for child in node.children:
            _render(child, indent + "  ", lines)
        if node.raw:
            lines.extend(indent + "  " + line for line in node.raw.strip("\n").split("\n"))
        lines.append(f"{indent}</{node.name}>")


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")


def _quoted(value: str) -> str:
    """Single quotes, as libvirt writes, unless only double quotes need no escaping."""
    text = _escaped(value).replace("\n", "&#10;").replace("\t", "&#9;")
    if "'" in text and '"' not in text:
        return f'"{text}"'
    return "'" + text.replace("'", "&apos;") + "'"
