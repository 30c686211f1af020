"""What of nixfmt's layout (RFC 166) shows line by line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from optimux.emit.nixos import nixos_module
from tests.golden_cases import CASES
from tests.nixos.plans import by_address, everything, on_nixos

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.golden_cases import Case

WIDTH = 100
# Lists and sets of more than one thing in a line, brackets without a space, two bindings in a line.
CROWDED = re.compile(r"\[\S|\[ \S+ .*\S \]|\{.*=.*\}|;\s*\S+ =")
ESCAPE = re.compile(r"''(\\.|\$)")  # within an indented string


def code_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines outside of indented strings, numbered from 1, with what other strings hold left out."""
    inside = False
    for number, line in enumerate(text.splitlines(), 1):
        if not inside:
            yield number, re.sub(r'"(\\.|[^"\\])*"', "_", line)
        inside ^= ESCAPE.sub("", line).count("''") % 2 == 1


def mislaid(text: str) -> list[str]:
    """What nixfmt would change, as far as a line shows it."""
    lines = text.splitlines()
    found = [f"{number}: white space at the end" for number, line in enumerate(lines, 1) if line != line.rstrip()]
    for number, line in code_lines(text):
        if (len(line) - len(line.lstrip(" "))) % 2 or "\t" in line:
            found.append(f"{number}: indentation")
        if len(lines[number - 1]) > WIDTH:
            found.append(f"{number}: width")
        if not line.lstrip().startswith("#") and CROWDED.search(line):
            found.append(f"{number}: crowded")
    if not text.endswith("}\n") or "\n\n\n" in text:
        found.append("blank lines")
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_case(case: Case) -> None:
    assert mislaid(nixos_module(on_nixos(case))) == []


def test_every_section() -> None:
    assert mislaid(nixos_module(everything())) == []
    assert mislaid(nixos_module(by_address())) == []


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ('x = [ "a" "b" ];', "crowded"),
        ('x = ["a"];', "crowded"),
        ("x = { y = 1; };", "crowded"),
        ("x = 1; y = 2;", "crowded"),
        (" x = 1;", "indentation"),
        ("x = 1; ", "white space at the end"),
        ("x = " + "y" * 100 + ";", "width"),
    ],
)
def test_faults_are_seen(line: str, fault: str) -> None:
    assert mislaid(f"{{\n  {line}\n}}\n") == [f"2: {fault}"]
    assert mislaid(f"{{\n  x = ''\n    {line.strip()}\n  '';\n}}\n") == []
