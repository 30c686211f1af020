"""What is said of a value that cannot be used: found, allowed, next step, to the letter; and what is lost with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from optimux.declare import Bool, Choice, Declared, Int, Kind, ListOf, MapOf, Overrides, Scalar, Table, option, values
from optimux.declare.containers import MOST_SUGGESTIONS
from optimux.declare.kind import INVALID, joined
from optimux.declare.option import REQUIRED
from optimux.declare.wording import nearest, printable, quotes, shown, suggestion
from optimux.findings import Findings


class Inner(Declared):
    """Two keys, one of which must be given."""

    port: int = option("port", Int(1, 9), doc="The port. More of it.", example=5)
    host_name: str | None = option("hostName", values.TEXT, default=None, doc="The host.")


class Outer(Declared):
    """One of each that a table has to tell apart."""

    flag: bool = option("flag", Bool(), default=False, doc="A flag.")
    size: Any = option("size", values.SIZE, default=values.SIZE.parse("1MiB"), doc="A size.", unit="MiB")
    inner: Inner = option("inner", Table(Inner), doc="The inner one.", example={"port": 3})
    extra: Mapping[str, Any] = option("extra", Overrides(Inner), default={}, doc="Some of it.")
    names: tuple[str, ...] = option("names", ListOf(values.WORD), default=(), doc="Names.")


WHOLE = Table(Outer)
DISTRIBUTION = 'one of "nixos", "arch", "debian", "fedora", "fedora-atomic", "opensuse"'
NO_WORD = "Use one of the allowed ones, or remove it."
OLD = Choice(values.CpuVendor, formerly={"Intel": "intel"}, booleans=("intel", "amd"))
# The kind, the value, and what is said of it: path, found, allowed, remedy.
SAID: list[tuple[Kind[Any], Any, list[tuple[str, str, str, str]]]] = [
    (Bool(), "yes", [("x", '"yes"', "true or false", "Write it without quotes.")]),
    (Int(1, 9), "1", [("x", '"1"', "a whole number from 1 to 9", "Correct the value.")]),
    (values.TEXT, 1, [("x", "1", "one line of text", "Write it in quotes.")]),
    (values.TEXT, None, [("x", "null", "one line of text", "Correct the value.")]),
    (values.PORT, [1], [("x", "a list", "a whole number from 1 to 65535", "Correct the value.")]),
    (values.PORT, {}, [("x", "a table", "a whole number from 1 to 65535", "Correct the value.")]),
    (values.MAC, "x" * 18, [("x", f'"{"x" * 18}"', values.MAC.allowed, "Shorten it to 17 characters.")]),
    (values.TEXT, "\x01", [("x", '"\\x01"', "one line of text", "Remove the control characters.")]),
    (values.TEXT, "\ud800", [("x", '"\\xd800"', "one line of text", "Remove the control characters.")]),
    (values.WORD, "a b", [("x", '"a b"', "a word of letters, digits and _ . + -", "Correct the value.")]),
    (values.DISTRIBUTION, "nixo", [("x", '"nixo"', DISTRIBUTION, 'Did you mean "nixos"?')]),
    (values.DISTRIBUTION, "slackware", [("x", '"slackware"', DISTRIBUTION, NO_WORD)]),
    (values.DISTRIBUTION, True, [("x", "true", DISTRIBUTION, NO_WORD)]),
    (OLD, "Intel", [("x", '"Intel", a former name', 'one of "intel", "amd"', 'Write "intel": it means the same.')]),
    (OLD, False, []),
    (values.SIZE, 16, [("x", "16", values.SIZE.allowed, "Write it in quotes.")]),
    (values.SIZE, "16", [("x", '"16"', values.SIZE.allowed,
                          "It is not a whole number with one of the units KiB, MiB, GiB, TiB.")]),
    (values.BAR_SIZE, "3MiB", [("x", '"3MiB"', values.BAR_SIZE.allowed,
                                "It is no power of two; the next one is 4MiB.")]),
    (values.BAR_SIZE, "512KiB", [("x", '"512KiB"', values.BAR_SIZE.allowed,
                                  "It is not from 1MiB to 4096GiB, in MiB or GiB.")]),
    (values.IP_ADDRESS, "1.2.3", [("x", '"1.2.3"', "an IPv4 or IPv6 address",
                                   "It is neither four numbers up to 255 nor eight groups of hexadecimal digits.")]),
    (Scalar(), 1.5, [("x", "1.5", "one line of text, a whole number, or true or false", "Correct the value.")]),
    (ListOf(Int(1, 9)), 1, [("x", "1", "a list of a whole number from 1 to 9", "Put it in brackets.")]),
    (ListOf(WHOLE), "x", [("x", '"x"', "a list of a table",
                           f"Write [{{ {Outer.options[0].key} = … }}], a table in brackets for each.")]),
    (ListOf(Int(1, 9), 2, 3), [1], [("x", "1 entries", "2 to 3 entries", "Add or remove entries.")]),
    (ListOf(Int(1, 9)), [1, 0], [("x[1]", "0", "a whole number from 1 to 9", "Correct the value.")]),
    (MapOf(Int(1, 9)), [], [("x", "a list", "a table of a whole number from 1 to 9", "Make it a table.")]),
    (MapOf(Int(1, 9), most=1), {"a": 1, "b": 1}, [("x", "2 entries", "at most 1 entries", "Remove some.")]),
    (MapOf(Int(1, 9)), {"-": 1}, [('x.- (the name)', '"-"', "letters, digits and . _ + - (at most 64)",
                                   "Correct the value.")]),
    (MapOf(Int(1, 9)), {"a b": 0}, [('x."a b" (the name)', '"a b"', "letters, digits and . _ + - (at most 64)",
                                     "Correct the value.")]),
    (WHOLE, "x", [("x", '"x"', "a table", "Make it a table.")]),
    (WHOLE, {}, [("x.inner", "nothing", "a table", "Add it: The inner one.")]),
    (WHOLE, {"inner": {}}, [("x.inner.port", "nothing", "a whole number from 1 to 9", "Add it: The port.")]),
    (WHOLE, {"inner": {"port": 0}}, [("x.inner.port", "0", "a whole number from 1 to 9", "Correct the value.")]),
    (WHOLE, {"inner": {"port": 1, "hostName": None}, "flag": None},
     [("x.flag", "null", "true or false", "Write it without quotes.")]),
    (WHOLE, {"inner": {"port": 1}, "extra": 1}, [("x.extra", "1", "a table", "Make it a table.")]),
    (WHOLE, {"inner": {"port": 1, "prt": 1}}, [("x.inner.prt", "an unknown key", "the keys hostName, port",
                                                'Did you mean "port"?')]),
    (WHOLE, {"inner": {"prt": 1}}, [("x.inner.prt", "an unknown key", "the keys hostName, port",
                                     'Did you mean "port"?'),
                                    ("x.inner.port", "nothing", "a whole number from 1 to 9", "Add it: The port.")]),
    (WHOLE, {"inner": {"port": 1}, "zzz": 1}, [("x.zzz", "an unknown key", "the keys extra, flag, inner, names, size",
                                                NO_WORD)]),
]  # fmt: skip


def _load(kind: Kind[Any], value: object) -> tuple[Any, Findings]:
    findings = Findings()
    return kind.load(value, "x", findings), findings


@pytest.mark.parametrize(("kind", "value", "said"), SAID, ids=range(len(SAID)))
def test_what_is_said(kind: Kind[Any], value: object, said: list[tuple[str, str, str, str]]) -> None:
    _, findings = _load(kind, value)
    problems = [*findings.problems, *findings.warnings]
    assert [(problem.path, problem.found, problem.allowed, problem.remedy) for problem in problems] == said


@pytest.mark.parametrize(
    ("kind", "value", "lost", "kept"),
    [
        (Int(1, 9), 0, "x", "y"),
        (ListOf(Int(1, 9)), [1, 0], "x", "y"),
        (ListOf(Int(1, 9)), [1, 2, 0], "x[0]", "y"),
        (MapOf(Int(1, 9)), {"a": 1, "-": 2}, "x.-", "x.a"),
        (WHOLE, {"inner": {}}, "x.inner.port", "x.flag"),
        (WHOLE, {"inner": {"prt": 1, "port": 1}}, "nothing", "x.inner.port"),
        (WHOLE, {"inner": {"prt": 1}}, "x.inner.port", "x.inner.hostName"),
        (WHOLE, {"inner": {"port": 1}, "flga": True}, "x.flag", "x.size"),
    ],
)
def test_what_is_lost(kind: Kind[Any], value: object, lost: str, kept: str) -> None:
    """Complaints about what nobody can know are not made; of what was read they are."""
    _, findings = _load(kind, value)
    before = len(findings.problems)
    findings.error(lost, "a", "b", "c")
    assert len(findings.problems) == before + (lost == "nothing")
    findings.error(kept, "a", "b", "c")
    assert len(findings.problems) == before + 1 + (lost == "nothing")


def test_what_was_read_is_not_lost() -> None:
    for kind, value in ((ListOf(Int(1, 9)), [1, 2]), (WHOLE, {"inner": {"port": 1}}), (MapOf(Int()), {"a": 1})):
        _, findings = _load(kind, value)
        findings.error("x", "a", "b", "c")
        assert len(findings.problems) == 1


@pytest.mark.parametrize(
    ("kind", "value", "loaded"),
    [
        (OLD, False, "intel"),
        (OLD, True, "amd"),
        (OLD, "Intel", "intel"),
        (OLD, "amd", "amd"),
        (ListOf(Int(1, 9)), [0], ()),
        (ListOf(Int(1, 9)), [0, 3, 0], (3,)),
        (ListOf(Int(1, 9), 1), [0], INVALID),
        (Bool(), True, True),
        (Bool(), False, False),
    ],
)
def test_what_is_loaded(kind: Kind[Any], value: object, loaded: object) -> None:
    assert _load(kind, value)[0] == loaded


def test_a_table_is_built_with_all_that_must_be_given() -> None:
    class Given(Declared):
        port: int = option("port", Int(1, 9), doc="The port.")
        host_name: str | None = option("hostName", values.TEXT, default=None, doc="The host.")

    with pytest.raises(TypeError):
        Given(host_name="h")  # type: ignore[call-arg]
    assert Given(port=1).host_name is None


def test_a_list_without_what_cannot_be_read_is_lost_only_where_nothing_stands_in() -> None:
    _, findings = _load(ListOf(Table(Inner)), [{"port": 1}, 1])
    findings.error("x[0].port", "a", "b", "c")
    assert len(findings.problems) == 2


def test_what_stands_in_for_what_cannot_be_read() -> None:
    loaded, _ = _load(WHOLE, {"inner": {"port": 0}, "flag": 1, "names": ["a"]})
    assert loaded == Outer(inner=Inner(port=5), names=("a",))
    assert WHOLE.stand_in() == Outer(inner=Inner(port=3))
    assert _load(ListOf(Table(Inner)), [1, {"port": 2}])[0] == (Inner(port=5), Inner(port=2))
    assert Int().stand_in() is INVALID
    assert repr(INVALID) == "INVALID"
    assert repr(REQUIRED) == "REQUIRED"


def test_a_kind_must_say_what_it_allows() -> None:
    bare: Kind[int] = Kind()
    with pytest.raises(NotImplementedError):
        bare.allowed  # noqa: B018 # asking is the test
    with pytest.raises(NotImplementedError):
        bare.load(1, "x", Findings())


@pytest.mark.parametrize(
    ("kind", "loaded", "written"),
    [
        (WHOLE, Outer(inner=Inner(port=1)), {"inner": {"port": 1}}),
        (
            WHOLE,
            Outer(
                inner=Inner(port=1, host_name="h"),
                flag=True,
                size=values.SIZE.parse("2GiB"),
                names=("a",),
                extra={"host_name": "i", "port": 2},
            ),
            {
                "inner": {"port": 1, "hostName": "h"},
                "flag": True,
                "size": "2GiB",
                "names": ["a"],
                "extra": {"hostName": "i", "port": 2},
            },
        ),
        (MapOf(values.SIZE), {"a": values.SIZE.parse("1KiB")}, {"a": "1KiB"}),
        (values.BAR_SIZE, values.SIZE.parse("512GiB"), "512GiB"),
        (values.BAR_SIZE, values.SIZE.parse("1TiB"), "1024GiB"),
        (values.BAR_SIZE, values.SIZE.parse("4TiB"), "4096GiB"),
        (values.PLACEMENT, None, "auto"),
        (values.PLACEMENT, values.ADDRESS.parse("0000:01:00.0"), "0000:01:00.0"),
    ],
)
def test_what_is_written(kind: Kind[Any], loaded: Any, written: Any) -> None:
    assert kind.written(loaded) == written
    assert _load(kind, written)[0] == loaded


def test_what_an_option_says() -> None:
    """The default as the user would write it, and nothing where there is none."""
    told = {key: (each.required, each.nullable, each.written_default, each.unit) for key, each in Outer.by_key.items()}
    assert told == {
        "flag": (False, False, False, None),
        "size": (False, False, "1MiB", "MiB"),
        "inner": (True, False, None, None),
        "extra": (False, False, {}, None),
        "names": (False, False, [], None),
    }
    host = Inner.by_key["hostName"]
    assert (host.attribute, host.required, host.nullable, host.written_default) == ("host_name", False, True, None)


def test_suggestions_are_made_so_often_and_no_more() -> None:
    """Each compares with every word. What was meant is lost with the misspelt key as long as it is looked for."""
    findings = Findings()
    keys = [f"prt{number:03}" for number in range(MOST_SUGGESTIONS + 2)]
    Table(Inner).load({"port": 1, **dict.fromkeys(keys, 1)}, "x", findings)
    remedies = [problem.remedy for problem in findings.problems]
    assert MOST_SUGGESTIONS == 200
    assert remedies == ['Did you mean "port"?'] * 200 + ["Remove it."] * 2
    for count, is_lost in ((198, True), (199, False)):
        findings = Findings()
        for _ in range(count):
            findings.error("y", "a", "b", "c")
        Overrides(Inner).load({"prt": 1}, "x", findings)
        findings.error("x.port", "a", "b", "c")
        assert findings.count == count + 1 + (not is_lost), count


def test_twenty_keys_are_named_and_more_are_not() -> None:
    for count, allowed in ((20, "the keys " + ", ".join(f"k{number:02}" for number in range(20))), (21, "a known key")):
        own = {f"k{number:02}": option(f"k{number:02}", Bool(), default=False, doc="K.") for number in range(count)}
        table: Any = type("Many", (Declared,), own)
        _, findings = _load(Table(table), {"zzzzzz": 1})
        assert [problem.allowed for problem in findings.problems] == [allowed]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (False, "false"),
        (None, "null"),
        (1.5, "1.5"),
        ((), "a list"),
        ("", '""'),
        ("a\u202eb", '"a\\x202eb"'),
        ("x" * 58, '"' + "x" * 58 + '"'),
        ("x" * 59, '"' + "x" * 59 + "…"),
        ("x" * 60, '"' + "x" * 59 + "…"),
        ("x" * 61, '"' + "x" * 59 + "…"),
        ("\n" * 30, '"' + ("\\x0a" * 15)[:59] + "…"),
        (10**59, "1" + "0" * 59),
        (10**60, "1" + "0" * 59 + "…"),
        (10**5000, "a number of thousands of digits"),
    ],
    ids=range(15),
)
def test_a_value_as_the_user_wrote_it(value: object, text: str) -> None:
    assert shown(value) == text


@pytest.mark.parametrize(
    ("path", "key", "text"),
    [
        ("", "a-_9Z", "a-_9Z"),
        ("a", "b", "a.b"),
        ("a", "b c", 'a."b c"'),
        ("a", "", 'a.""'),
        ("a", 1, "a.1"),
        ("a", "x" * 64, "a." + "x" * 64),
        ("a", "x" * 65, 'a."' + "x" * 59 + "…"),
    ],
)
def test_a_path_with_one_more_key(path: str, key: object, text: str) -> None:
    assert joined(path, key) == text


def test_the_words_of_suggestions() -> None:
    every: list[object] = [True, 1, 1.5, "a", None, []]
    assert [quotes(value) for value in every] == ["Write it in quotes."] * 3 + [""] * 3
    assert nearest("kvm", ("kvmfr", "shm")) == 'Did you mean "kvmfr"?'
    assert nearest(1, ("kvmfr",)) == NO_WORD
    assert printable("a\x1bb") == "a\\x1bb"
    long = "k" * 64
    assert suggestion(f"{long}zz", (long,)) == long  # which begins with what it is cut to
    assert suggestion(f"{'k' * 63}zz", (long,)) == long
    assert suggestion("a" * 64 + "b", ("a" * 64 + "c" * 200, "a" * 60 + "x" * 5)) == "a" * 64 + "c" * 200
    assert suggestion("ab", ("abc", "abdx")) == "abc"  # two begin so: the one that it resembles most
    assert suggestion("a", ("abc", "abd")) is None
    assert suggestion("AB", ("xx", "Abc")) == "Abc"
