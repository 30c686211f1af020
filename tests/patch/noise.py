"""The same domain as a person, an editor or another program may have written it."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random
from typing import Any

from hypothesis import strategies as st

from tests.patch.spans import tokens

_DEVICES = re.compile(r"(<devices>)")
_ATTRIBUTE = re.compile(r""" ([^\s=]+)=('[^'"]*')""")
COMMENTS = (
    "<!-- my own -->",
    "<!-- <memballoon model='virtio'/> -->",
    "<!--\n  <hostdev mode='subsystem' type='pci'>\n  </hostdev>\n-->",
    "<!-- ä & < > ' \" -->",
    "<!---->",
)
LIBVIRT = """<!--
A PROGRAM WROTE THIS FILE AND WRITES IT ANEW. Change it by
  virsh edit Windows11
or by another program that asks libvirt.
-->

"""
HEADS = ("", LIBVIRT, "<?xml version='1.0' encoding='UTF-8'?>\n", '<?xml version="1.0"?>\n<!DOCTYPE domain>\n', "\n")


@st.composite
def noisy(draw: Callable[[st.SearchStrategy[Any]], Any], document: str) -> bytes:
    """The document with other white space, quotes, comments, line ends and encoding."""
    # Not Hypothesis' own: it keeps each of the thousand throws, so as to shrink them, which nobody does here.
    random = Random(draw(st.integers(0, 2**32)))
    parts = tokens(document)
    style = draw(st.sampled_from(("  ", "    ", "\t", "", "broken", "line")))
    result = []
    for part in parts:
        if part.isspace():
            part = _space(part, str(style), random)
        elif part.startswith("<") and not part.startswith("<!"):
            part = _tag(part, random)
        result.append(part)
        if part.startswith("</") and random.random() < 0.05:
            result.append(random.choice(COMMENTS))
    text = str(draw(st.sampled_from(HEADS))) + "".join(result)
    if "<title>" not in text and draw(st.booleans()):
        text = text.replace("<memory ", "<title>A &amp; B&#x21; &lt;&gt;</title>\n  <memory ", 1)
    if draw(st.booleans()):
        text = text.replace("\n", "\r\n")
    mark = b"\xef\xbb\xbf" if draw(st.integers(0, 5)) == 0 and not text.startswith("\n<") else b""
    if text.startswith(("\n<?", "\r\n<?")):
        text = text.lstrip()
    return mark + text.encode()


def _space(space: str, style: str, random: Random) -> str:
    if "\n" not in space:
        return space
    if style == "line":
        return ""
    depth = len(space.rpartition("\n")[2]) // 2
    if style == "broken":
        return random.choice(("\n", " \n", "  \n\n")) + random.choice((" ", "\t")) * random.randrange(9)
    return "\n" + style * depth


def _tag(tag: str, random: Random) -> str:
    chance = random.random
    if chance() < 0.2 and "&" not in tag:
        tag = _ATTRIBUTE.sub(lambda match: f' {match[1]}="{match[2][1:-1]}"', tag)
    if chance() < 0.1:
        tag = _ATTRIBUTE.sub(lambda match: f"  {match[1]} = {match[2]}", tag)
    if chance() < 0.05:
        tag = _ATTRIBUTE.sub(lambda match: f"\n     {match[1]}={match[2]}", tag)
    if chance() < 0.1 and tag.endswith("/>"):
        name = re.match(r"<([^\s/>]+)", tag)
        assert name is not None
        tag = tag[:-2] + f"></{name[1]}>" if chance() < 0.5 else tag[:-2] + " />"
    return tag
