"""A lossless reader: the tree of a document, each element with the bytes that it came from.

expat judges well-formedness; nothing is fetched and no entity is declared or expanded beyond XML's own five.
"""

from __future__ import annotations

import codecs
import re
from typing import Any
from xml.parsers import expat

from optimux.errors import InvalidInput, Problem
from optimux.patch.node import Node, Span

MAX_BYTES = 8 << 20
MAX_DEPTH = 256
# A domain with every device that a machine can have stays below a hundredth of these.
MAX_ELEMENTS = 50_000
MAX_ATTRIBUTES = 1000

_TAG = re.compile(rb"<[^\s/>]+(?:\s+[^\s=/>]+\s*=\s*(?:\"[^\"]*\"|'[^']*'))*\s*(/?)>")
_DECLARED = re.compile(rb"<\?xml[^>]*?\sencoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']")
# Text encodings that libxml2 reads through iconv, and whose bytes below 80h are ASCII's.
_ENCODINGS = re.compile(r"utf-8|ascii|iso8859-\d+|cp125\d|koi8-[ru]|gb2312|gbk|gb18030|big5|euc_(jp|kr)|shift_jis")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_BARE_UTF16 = ((b"<\0", "utf-16-le"), (b"\0<", "utf-16-be"))
# Which begin like UTF-16; libvirt takes none of them.
_UTF32 = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, b"<\0\0\0", b"\0\0\0<")
_SAVE = "Save it as UTF-8."
_ALLOWED = "UTF-8, UTF-16 or a common 8-bit encoding"


class Source:
    """A document: its text as UTF-8, the tree of it, and how to get back to its own bytes."""

    def __init__(self, document: bytes) -> None:
        """Raises ``InvalidInput`` for what is no well-formed XML of bounded size and depth."""
        if len(document) > MAX_BYTES:
            raise refused(f"{len(document)} bytes", f"at most {MAX_BYTES}", "Is it the right file?")
        self._mark, self._encoding = _encoding(document)
        self.text = _as_utf8(document, self._mark, self._encoding)
        self.root = _Reader(self.text).read()

    def encode(self, text: bytes) -> bytes:
        """UTF-8 text in the document's own encoding; what it cannot spell becomes a character reference."""
        return self._mark + text.decode().encode(self._encoding, "xmlcharrefreplace")


def refused(found: str, allowed: str, remedy: str) -> InvalidInput:
    """The one complaint about a document."""
    return InvalidInput([Problem("domain", found, allowed, remedy)])


def _encoding(document: bytes) -> tuple[bytes, str]:
    """The byte order mark, which may be empty, and the encoding after it."""
    if document.startswith(_UTF32):
        raise refused("UTF-32", _ALLOWED, _SAVE)
    for mark, name in _MARKS:
        if document.startswith(mark):
            return mark, name
    for start, name in _BARE_UTF16:
        if document.startswith(start):
            return b"", name
    declared = _DECLARED.match(document[:256])
    if declared is None:
        return b"", "utf-8"
    word = declared[1].decode()
    try:
        name = codecs.lookup(word).name
    except LookupError:
        name = ""
    if not _ENCODINGS.fullmatch(name):
        raise refused(f"the encoding {word}", _ALLOWED, _SAVE)
    return b"", name


def _as_utf8(document: bytes, mark: bytes, encoding: str) -> bytes:
    content = document[len(mark) :]
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        where = f"byte {error.start + len(mark)} is none of {encoding}"
        raise refused(where, f"text in {encoding}", "Correct the encoding, or save it as UTF-8.") from None
    if encoding == "utf-8":
        return content
    if text.encode(encoding, "replace") != content:
        raise refused(f"bytes that {encoding} spells in two ways", "text in UTF-8", _SAVE)
    return text.encode("utf-8", "surrogatepass")


class _Reader:
    """Builds the tree while expat reads."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._open: list[Node] = []
        self._count = 0
        self._texts: list[list[str]] = []
        # Each prefix with the namespaces that it has had on the way down, and what each element declares.
        self._scope: dict[str, list[str]] = {"xml": ["http://www.w3.org/XML/1998/namespace"]}
        self._declared: list[list[str]] = []
        self._root: Node | None = None
        self._parser: Any = expat.ParserCreate("utf-8")
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters
        self._parser.StartDoctypeDeclHandler = self._doctype

    def read(self) -> Node:
        try:
            self._parser.Parse(self._text, True)
        except expat.ExpatError as error:
            reason = expat.ErrorString(error.code)
            raise self._malformed(f"{reason}", error.lineno, error.offset + 1) from None
        assert self._root is not None
        return self._root

    def _malformed(self, reason: str, line: int | None = None, column: int | None = None) -> InvalidInput:
        line = self._parser.CurrentLineNumber if line is None else line
        column = self._parser.CurrentColumnNumber + 1 if column is None else column
        where = f"{reason} (line {line}, column {column})"
        return refused(where, "well-formed XML 1.0", "Correct the named place.")

    def _doctype(self, _name: str, system: str | None, public: str | None, internal: int) -> None:
        if system or public or internal:
            raise self._malformed("a document type with declarations")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._open) >= MAX_DEPTH:
            raise self._malformed(f"elements nested more than {MAX_DEPTH} deep")
        self._count += 1
        if self._count > MAX_ELEMENTS or len(attributes) > MAX_ATTRIBUTES:
            raise self._malformed(f"more than {MAX_ELEMENTS} elements, or {MAX_ATTRIBUTES} attributes of one")
        self._declare(attributes)
        prefix, _, local = name.rpartition(":")
        if prefix and not self._scope.get(prefix):
            raise self._malformed(f"the prefix {prefix} without a namespace")
        start = self._parser.CurrentByteIndex
        tag = _TAG.match(self._text, start)
        assert tag is not None, "expat has taken the tag"
        node = Node(name, local, self._scope[prefix][-1] if prefix else "", attributes)
        closed = tag.end() if tag[1] else -1
        node.span = Span(start, tag.end(), closed, closed)
        if self._open:
            self._open[-1].add(node)
        else:
            self._root = node
        self._open.append(node)
        self._texts.append([])

    def _declare(self, attributes: dict[str, str]) -> None:
        declared = [key[6:] for key in attributes if key.startswith("xmlns:")]
        for prefix in declared:
            self._scope.setdefault(prefix, []).append(attributes[f"xmlns:{prefix}"])
        self._declared.append(declared)

    def _end(self, _name: str) -> None:
        node = self._open.pop()
        node.text = "".join(self._texts.pop())
        for prefix in self._declared.pop():
            self._scope[prefix].pop()
        assert node.span is not None
        if node.span.close < 0:
            close = self._parser.CurrentByteIndex
            node.span = Span(node.span.start, node.span.tag_end, close, self._text.index(b">", close) + 1)
        node.remember()

    def _characters(self, data: str) -> None:
        self._texts[-1].append(data)
