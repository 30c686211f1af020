"""A document as it is read and written back: limits, encodings, what is no domain, and how each change is spelled."""

from __future__ import annotations

import codecs
from typing import Any

import pytest

from optimux.errors import InvalidInput
from optimux.patch import check_domain, domain_name
from optimux.patch.edit import apply, edits
from optimux.patch.node import Node
from optimux.patch.source import MAX_ATTRIBUTES, MAX_BYTES, MAX_DEPTH, MAX_ELEMENTS, Source
from optimux.patch.style import Style

Q35 = "<domain type='kvm'>{}<os><type machine='q35'>hvm</type></os></domain>"


def read(text: str) -> Node:
    return Source(text.encode()).root


def refusal(document: bytes) -> str:
    with pytest.raises(InvalidInput) as caught:
        Source(document)
    (problem,) = caught.value.problems
    return f"{problem.found}; {problem.allowed}; {problem.remedy}"


@pytest.mark.parametrize(
    ("last", "first", "words"),
    [
        ("<a>" + "x" * (MAX_BYTES - 7) + "</a>", "<a>" + "x" * (MAX_BYTES - 6) + "</a>",
         "8388609 bytes; at most 8388608"),
        ("<a>" * MAX_DEPTH + "</a>" * MAX_DEPTH, "<a>" * (MAX_DEPTH + 1) + "</a>" * (MAX_DEPTH + 1),
         "elements nested more than 256 deep (line 1, column 769); well-formed XML 1.0; Correct the named place."),
        ("<a>" + "<b/>" * (MAX_ELEMENTS - 1) + "</a>", "<a>" + "<b/>" * MAX_ELEMENTS + "</a>",
         "more than 50000 elements, or 1000 attributes of one"),
        *(
            ("<a" + "".join(f" b{n}='1'" for n in range(count - 1)) + "/>",
             "<a" + "".join(f" b{n}='1'" for n in range(count)) + "/>", "more than 50000 elements, or 1000 attributes")
            for count in (MAX_ATTRIBUTES + 1,)
        ),
    ],
    ids=["bytes", "depth", "elements", "attributes"],
)  # fmt: skip
def test_limits_of_a_document(last: str, first: str, words: str) -> None:
    assert (MAX_BYTES, MAX_DEPTH, MAX_ELEMENTS, MAX_ATTRIBUTES) == (8388608, 256, 50000, 1000)
    assert Source(last.encode()).root.name == "a"
    assert words in refusal(first.encode())


ENCODINGS = (
    "utf-8 us-ascii iso-8859-1 iso-8859-15 windows-1252 cp1251 koi8-r koi8-u gb2312 gbk gb18030 big5 euc-jp euc-kr "
    "shift_jis"
)


@pytest.mark.parametrize("name", ENCODINGS.split())
def test_each_encoding_is_read_and_written(name: str) -> None:
    document = f"<?xml version='1.0' encoding='{name}'?><a b='1'/>".encode(name)
    source = Source(document)
    source.root.set("b", "é€")
    written = source.encode(apply(source.text, edits(source.text, source.root, Style(source.text, source.root))))
    assert Source(written).root.get("b") == "é€"
    assert written.startswith(b"<?xml")


@pytest.mark.parametrize("name", ["utf-7", "utf-16", "ebcdic-cp-be", "cp037", "johab", "hz", "none"])
def test_no_other_encoding_is(name: str) -> None:
    told = refusal(f"<?xml version='1.0' encoding='{name}'?><a/>".encode())
    assert told == f"the encoding {name}; UTF-8, UTF-16 or a common 8-bit encoding; Save it as UTF-8."


@pytest.mark.parametrize(
    ("mark", "name"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (b"", "utf-16-le"),
        (b"", "utf-16-be"),
    ],
)
def test_marks_stay(mark: bytes, name: str) -> None:
    document = mark + "<a b='é'/>".encode(name)
    source = Source(document)
    assert source.root.get("b") == "é"
    assert source.encode(source.text) == document


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (b"\xff\xfe\0\0<\0\0\0", "UTF-32; UTF-8, UTF-16 or a common 8-bit encoding; Save it as UTF-8."),
        (b"<\0\0\0", "UTF-32"),
        (b"\0\0\0<", "UTF-32"),
        (b"<a>\n <b c='1' c='2'/></a>", "duplicate attribute (line 2, column "),
        (b"<a><b></a>", "mismatched tag (line 1, column 9); well-formed XML 1.0; Correct the named place."),
        (b"", "no element found (line 1, column 1)"),
        (b"<p:a/>", "the prefix p without a namespace (line 1, column 1)"),
        (b"<a><b xmlns:p='x'/><p:c/></a>", "the prefix p without a namespace (line 1, column 20)"),
        (b"<!DOCTYPE a SYSTEM 'x'><a/>", "a document type with declarations"),
        (b"<!DOCTYPE a PUBLIC 'x' 'y'><a/>", "a document type with declarations"),
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]><a/>", "a document type with declarations"),
        (b"<a>\xff</a>", "byte 3 is none of utf-8; text in utf-8; Correct the encoding, or save it as UTF-8."),
    ],
    ids=range(12),
)
def test_what_is_no_document(document: bytes, words: str) -> None:
    assert words in refusal(document)


def test_a_document_type_without_declarations_and_prefixes_on_their_way() -> None:
    assert read("<!DOCTYPE a><a/>").name == "a"
    root = read("<p:a xmlns:p='one'><p:b xmlns:p='two'><p:c/></p:b><p:d/><e xml:lang='x'/></p:a>")
    inner = root.children[0]
    assert [node.uri for node in (root, inner, inner.children[0], *root.children[1:])] == [
        "one",
        "two",
        "two",
        "one",
        "",
    ]
    assert [node.local for node in (root, inner, inner.children[0], *root.children[1:])] == ["a", "b", "c", "d", "e"]
    assert [node.words for node in read("<a> x <b/> y <b>  z </b></a>").children] == ["", "z"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<a/>", "<a>; <domain>, as virsh dumpxml prints it; Give the XML of a domain."),
        ("<p:domain xmlns:p='x' type='kvm'/>", "<p:domain>; <domain>, as virsh"),
        ("<domain type='xen'/>", "type='xen'; kvm or qemu; Only QEMU's domains have what the plan needs."),
        ("<domain/>", "type=''; kvm or qemu"),
        ("<domain type='kvm'/>", "no <os><type>; hvm; Only fully virtualised domains take a passed device."),
        ("<domain type='kvm'><os/></domain>", "no <os><type>; hvm"),
        ("<domain type='qemu'><os><type>linux</type></os></domain>", "<os><type>linux; hvm"),
        ("<domain type='kvm'><os><type arch='armv7l'>hvm</type></os></domain>",
         "arch='armv7l'; x86_64; The plan is one for x86 machines."),
        ("<domain type='kvm'><os><type arch='i686' machine='pc-i440fx-8.0'>hvm</type></os></domain>",
         "machine='pc-i440fx-8.0'; a q35 machine; i440fx has no PCI Express ports"),
        ("<domain type='kvm'><os><type machine='pc'>hvm</type></os></domain>", "machine='pc'; a q35 machine; i440fx"),
        ("<domain type='kvm'><os><type machine='pc-1.3'>hvm</type></os></domain>",
         "machine='pc-1.3'; a q35 machine; i440fx"),
        ("<domain type='kvm'><os><type>hvm</type></os></domain>",
         "no machine, which means pc (i440fx); a q35 machine; i440fx"),
        ("<domain type='kvm'><os><type machine='pc-q3'>hvm</type></os></domain>",
         "machine='pc-q3'; a q35 machine; Only q35"),
    ],
    ids=range(13),
)  # fmt: skip
def test_what_is_no_domain(text: str, words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_domain(text.encode())
    (problem,) = caught.value.problems
    assert words in f"{problem.found}; {problem.allowed}; {problem.remedy}"
    assert problem.path == "domain"


@pytest.mark.parametrize("machine", ["q35", "pc-q35-8.2", "pc-q35-rhel9.0"])
def test_what_is_one(machine: str) -> None:
    for kind in ("kvm", "qemu"):
        for arch in ("", "arch='x86_64'", "arch='i686'"):
            check_domain(
                f"<domain type='{kind}'><os><type {arch} machine='{machine}'>hvm</type></os></domain>".encode()
            )


def test_the_name_of_a_domain() -> None:
    assert domain_name(Q35.format("<name> win </name>").encode()) == "win"
    assert domain_name(Q35.format("").encode()) == ""


def edited(text: str, change: Any) -> str:
    """The document after a change of its root."""
    source = Source(text.encode())
    style = Style(source.text, source.root)
    change(source.root)
    return apply(source.text, edits(source.text, source.root, style)).decode()


def _made(name: str, text: str = "", **attributes: str) -> Node:
    node = Node(name, name, "", attributes)
    node.text = text
    return node


@pytest.mark.parametrize(
    ("text", "change", "after"),
    [
        ("<a b='1'/>", lambda r: r.set("b", "&<>'\"\n\t\r"), "<a b='&amp;&lt;&gt;&apos;\"&#10;&#9;&#13;'/>"),
        ('<a b="1"/>', lambda r: r.set("b", "&<>'\"\n\t\r"), '<a b="&amp;&lt;&gt;\'&quot;&#10;&#9;&#13;"/>'),
        ("<a b='1'/>", lambda r: r.set("c", "{'x'}"), "<a b='1' c=\"{'x'}\"/>"),
        ('<a b="1"/>', lambda r: r.set("c", '{"x"}'), "<a b=\"1\" c='{\"x\"}'/>"),
        ("<a b='1'/>", lambda r: r.set("c", "'\""), "<a b='1' c='&apos;\"'/>"),
        ("<a  b = '1' c='2' />", lambda r: r.unset("b"), "<a c='2' />"),
        ("<a/>", lambda r: r.set("c", "2"), "<a c='2'/>"),
        ("<a/>", lambda r: r.set_text("x<\ny"), "<a>x&lt;\ny</a>"),
        ("<a />", lambda r: r.set_text("x"), "<a>x</a>"),
        ("<a> x </a>", lambda r: r.set_text("x"), "<a> x </a>"),
        ("<a> x </a>", lambda r: r.set_text("y"), "<a>y</a>"),
        ("<a></a>", lambda r: r.set_text("y"), "<a>y</a>"),
        ("<a/>", lambda r: r.add(_made("b")), "<a><b/></a>"),
        ("<a/>\n", lambda r: r.add(_made("b")), "<a>\n  <b/>\n</a>\n"),
        ("<a></a>\n", lambda r: r.add(_made("b")), "<a>\n  <b/>\n</a>\n"),
        ("<a>\r\n\t<b/>\r\n</a>", lambda r: r.add(_made("c", "t")), "<a>\r\n\t<b/>\r\n\t<c>t</c>\r\n</a>"),
        ("<a>\r<b/>\r</a>", lambda r: r.add(_made("c")), "<a>\r<b/>\r<c/>\r</a>"),
        ("<a><b/></a>", lambda r: r.add(_made("c", d="1")), "<a><b/><c d='1'/></a>"),
        ("<a>\n   <b/> <!-- x -->\n</a>", lambda r: r.add(_made("c")), "<a>\n   <b/> <!-- x -->\n   <c/>\n</a>"),
        ("<a>\n   <b/>\n</a>", lambda r: r.add(_made("c"), 0), "<a>\n   <c/>\n   <b/>\n</a>"),
        ("<a>\n   <b/>\n</a>", lambda r: r.children[0].add(_made("c")).add(_made("d")),
         "<a>\n   <b>\n      <c>\n         <d/>\n      </c>\n   </b>\n</a>"),
        ("<a>\n  <b/>\n  <c/>\n</a>", lambda r: r.children[0].remove(), "<a>\n  <c/>\n</a>"),
        ("<a><b/> <c/></a>", lambda r: r.children[0].remove(), "<a> <c/></a>"),
        ("<a>\n  <b/><c/>\n</a>", lambda r: r.children[0].remove(), "<a>\n  <c/>\n</a>"),
        ("<a>\n  <b/>  \n</a>", lambda r: r.children[0].remove(), "<a/>"),
        ("<a>\n  <b/>\n  <!-- x -->\n</a>", lambda r: r.children[0].remove(), "<a>\n  <!-- x -->\n</a>"),
        ("<a>\n  <b/>x\n</a>", lambda r: r.children[0].remove(), "<a>\n  x\n</a>"),
        ("<a>\n\n  <b/>\n    <c/>\n</a>", lambda r: r.add(_made("d")), "<a>\n\n  <b/>\n    <c/>\n    <d/>\n</a>"),
        ("  <a>\n  </a>\n", lambda r: r.add(_made("d")), "  <a>\n    <d/>\n  </a>\n"),
    ],
    ids=range(29),
)  # fmt: skip
def test_how_a_change_is_written(text: str, change: Any, after: str) -> None:
    assert edited(text, change) == after


def test_an_element_that_may_be_changed() -> None:
    root = read("<a b='1'><c/><c d='2'/><e xmlns:q='u'><q:c/></e></a>")
    first, second, third = root.children
    assert [root.set("b", "1"), root.set("b", 2), root.unset("x"), root.unset("b")] == [False, True, False, True]
    assert (root.attributes, root.was_attributes) == ({}, {"b": "1"})
    assert (root.child("c"), root.child("c", d="2"), root.child("c", d="3")) == (first, second, None)
    assert (third.child("c"), third.child("c", "u")) == (None, third.children[0])
    assert list(root.all("c")) == [first, second]
    first.remove()
    assert first.gone
    assert root.children == [second, third]
    assert root.add(first, 1) is first
    assert not first.gone
    assert root.children == [second, first, third]
    assert (root.get("z"), root.get("z", "y"), second.get("d", "y")) == ("", "y", "2")
