"""What merging lines into the user's files means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimux.emit.artifact import HostLines
from optimux.emit.merge import merged

APPEND = HostLines("/etc/x", ("one", "two"), None, "test")
REPLACE = HostLines("/etc/x", ("key = [", "  1", "]"), r"^key = \[[^\]]*\]", "test")
LIST = HostLines("/etc/x", ("key = [", "  1", "]"), r"^#?key = \[[^\]]*\]", "test", items=("1", "2"))
EXTEND = HostLines("/etc/x", ("key: a,b",), r"^key:[ \t]*", "test", separator=",")
TEXTS = st.lists(
    st.sampled_from(["one", "two", "", "key: c", "key: b, a", "key: ", "key = []", "key = [\n 1\n]", "#", "x"])
).map("\n".join)


@pytest.mark.parametrize(
    ("entry", "before", "after"),
    [
        (APPEND, "", "one\ntwo\n"),
        (APPEND, "zero", "zero\none\ntwo\n"),
        (APPEND, "one\ntwo\nthree\n", "one\ntwo\nthree\n"),
        (APPEND, "one\nthree\n", "one\nthree\none\ntwo\n"),
        (REPLACE, "a\nkey = [\n 7,\n 8\n]\nb", "a\nkey = [\n  1\n]\nb"),
        (REPLACE, "a\n", "a\nkey = [\n  1\n]\n"),
        (LIST, "key = [\n 7,\n 8\n]\nb", "key = [\n 7,\n 8,\n 1,\n 2\n]\nb"),
        (LIST, "key = [7]", "key = [7, 1, 2]"),
        (LIST, "key = []", "key = [ 1, 2]"),
        (LIST, "key = [\n 2, # 1\n]", "key = [\n 2,\n 1 # 1\n]"),
        (LIST, "#key = [7]", "key = [\n  1\n]"),
        (EXTEND, "key: c\nx\n", "key: c,a,b\nx\n"),
        (EXTEND, "key: b", "key: b,a"),
        (EXTEND, "key:\n", "key:a,b\n"),
        (EXTEND, "key: b, a, c", "key: b, a, c"),
        (EXTEND, "#key: c\n", "#key: c\nkey: a,b\n"),
    ],
)
def test_merged(entry: HostLines, before: str, after: str) -> None:
    assert merged(before, entry) == after


@given(TEXTS, st.sampled_from([APPEND, REPLACE, EXTEND]))
def test_merging_twice_changes_nothing_more(text: str, entry: HostLines) -> None:
    once = merged(text, entry)
    assert merged(once, entry) == once


@given(TEXTS)
def test_appending_and_extending_keep_what_was_there(text: str) -> None:
    assert merged(text, APPEND).startswith(text)
    extended = merged(text, EXTEND)
    assert _words(text) <= _words(extended)
    assert {"a", "b"} <= _words(extended)


def _words(text: str) -> set[str]:
    return {word.strip() for line in text.split("\n") for word in line.removeprefix("key:").split(",")} - {""}
