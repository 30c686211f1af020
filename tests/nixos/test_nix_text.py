"""What the printer writes, Nix reads back as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from lab.errors import Refused
from lab.nix.evaluator import evaluate
from optimux.nix_text import (
    KEYWORDS,
    Attributes,
    Binding,
    Call,
    Value,
    attributes,
    bind,
    name,
    render,
    string,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

# What Nix gives a meaning to, beside everything that a text file may hold. JSON has no lone surrogates, Nix no NUL.
SPECIAL = st.sampled_from(
    ["'", "''", "$", "${", "}", "$$", "\\", '"', "\n", "\n\n", "  ", "\t", "\r", "''\\", "''$", "#", "/*"]
)
ANY = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
TEXT = st.lists(SPECIAL | st.text(ANY, max_size=3), max_size=12).map("".join)
IDENTIFIERS = st.from_regex(r"[A-Za-z_][A-Za-z0-9_'-]{0,6}", fullmatch=True)
NAMES = TEXT | IDENTIFIERS | st.sampled_from(sorted(KEYWORDS))
# One call of Nix a batch; what differs is shown item by item, so no time goes into shrinking batches.
BATCHES = settings(
    max_examples=12,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def differences(found: Iterable[object], wanted: Iterable[object]) -> list[tuple[object, object]]:
    """Pairs that differ."""
    return [(mine, theirs) for mine, theirs in zip(found, wanted, strict=True) if mine != theirs]


def nested(value: Value, depth: int) -> Value:
    """The value as an argument, in a list, in sets, so that it stands at several indentations."""
    for _ in range(depth):
        value = attributes(inner=[Call("(x: x)", (value,)), 1])
    return value


def unnested(value: object, depth: int) -> object:
    for _ in range(depth):
        value = value["inner"][0]  # type: ignore[index]
    return value


def read(tmp: Path, text: str) -> object:
    file = tmp / "value.nix"
    file.write_text(text, encoding="utf-8", newline="")
    return evaluate(str(file))


@BATCHES
@given(texts=st.lists(st.tuples(TEXT, st.integers(0, 3)), min_size=60, max_size=200))
def test_any_text_round_trips(tmp_path_factory: pytest.TempPathFactory, texts: list[tuple[str, int]]) -> None:
    written = render([nested(text, depth) for text, depth in texts])
    found = read(tmp_path_factory.mktemp("nix"), written)
    assert isinstance(found, list)
    values = [unnested(value, depth) for value, (_, depth) in zip(found, texts, strict=True)]
    assert differences(values, (text for text, _ in texts)) == []


@BATCHES
@given(texts=st.lists(TEXT.map(lambda text: f"x{text}\n"), min_size=60, max_size=200))
def test_whole_lines_round_trip(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    found = read(tmp_path_factory.mktemp("nix"), render(texts))
    assert isinstance(found, list)
    assert differences(found, texts) == []


@BATCHES
@given(names=st.lists(NAMES, min_size=60, max_size=200, unique=True))
def test_any_name_round_trips(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> None:
    bindings = tuple(Binding((text,), index) for index, text in enumerate(names))
    found = read(tmp_path_factory.mktemp("nix"), render(Attributes(bindings)))
    assert isinstance(found, dict)
    assert differences(sorted(found.items()), sorted((text, index) for index, text in enumerate(names))) == []


def test_unescaped_text_is_interpolated(tmp_path: Path) -> None:
    """The twin: what these tests would see if the printer escaped nothing."""
    with pytest.raises(Refused, match="undefined variable 'secret'"):
        read(tmp_path, '"${secret}"')
    assert read(tmp_path, string("${secret}")) == "${secret}"


def test_numbers_and_truth_values(tmp_path: Path) -> None:
    values: list[Value] = [True, False, 0, 7, -7, (1 << 63) - 1, [], attributes()]
    assert read(tmp_path, render(values)) == [True, False, 0, 7, -7, (1 << 63) - 1, [], {}]


def test_nul_is_refused() -> None:
    with pytest.raises(ValueError, match="NUL"):
        string("a\0b")
    with pytest.raises(ValueError, match="NUL"):
        render("a\0b\n")


def test_names_are_quoted_only_where_needed() -> None:
    assert [name(text) for text in ("vfio-pci", "in", "L+", "a.b", "")] == ["vfio-pci", '"in"', '"L+"', '"a.b"', '""']


def test_layout() -> None:
    value = Attributes(
        (
            bind("a.b", "text"),
            bind("c", ["one"], "Why.\nAnd more."),
            bind("d", ["one", "two"]),
            bind("e", "line\n\n  deeper ${x}\n"),
            bind("f", [Call("g", ("x", "y\n"))]),
            bind("h", "w" * 100, "word " * 25),
        )
    )
    assert render(value, "  ") == (
        "{\n"
        '    a.b = "text";\n'
        "\n"
        "    # Why.\n"
        "    # And more.\n"
        '    c = [ "one" ];\n'
        "    d = [\n"
        '      "one"\n'
        '      "two"\n'
        "    ];\n"
        "    e = ''\n"
        "      line\n"
        "\n"
        "        deeper ''${x}\n"
        "    '';\n"
        "    f = [\n"
        "      (g \"x\" ''\n"
        "        y\n"
        "      '')\n"
        "    ];\n"
        "\n"
        f"    #{' word' * 19}\n"
        f"    #{' word' * 6}\n"
        "    h =\n"
        f'      "{"w" * 100}";\n'
        "  }"
    )
