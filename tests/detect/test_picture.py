"""The picture for people: the verdict first, nothing cut off, at every width, with and without a terminal."""

from __future__ import annotations

import io
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from optimux.cli import run
from optimux.cli.detect_picture import picture
from optimux.facts.detect import Root, detect
from optimux.judge.gpus import verdicts
from tests.detect.tree import described, names, plant

if TYPE_CHECKING:
    from pathlib import Path

    Capture = pytest.CaptureFixture[str]


def drawn(tree: Path, width: int, *, colour: bool = False) -> str:
    facts = detect(Root.at(str(tree)))
    file = io.StringIO()
    Console(file=file, width=width, force_terminal=colour, highlight=False).print(picture(facts, verdicts(facts)))
    return file.getvalue()


@pytest.mark.parametrize("width", [60, 100, 200])
@pytest.mark.parametrize("name", names())
def test_it_fits(name: str, width: int, tmp_path: Path) -> None:
    text = drawn(plant(tmp_path / "tree", described(name)), width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    said = " ".join(text.split())
    assert any(word in said for word in ("can be passed", "cannot be passed", "nothing to pass"))


def test_colour_only_on_a_terminal(tmp_path: Path) -> None:
    tree = plant(tmp_path / "tree", described("xps-15-9560"))
    assert "\x1b[" in drawn(tree, 80, colour=True)
    code = "import sys; from optimux.cli import main; main(sys.argv[1:])"
    line = [sys.executable, "-c", code, "detect", "--root", str(tree)]
    said = subprocess.run(line, capture_output=True, text=True, check=True).stdout
    assert "\x1b[" not in said
    assert "10de:1c8d" in said or "GP107M" in said


def test_the_next_step_comes_first(tmp_path: Path, capsys: Capture) -> None:
    tree = plant(tmp_path / "tree", described("omen-17-ck0"))
    assert run(["detect", "--root", str(tree)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "HP OMEN by HP Laptop 17-ck0xxx"
    assert lines[1].endswith("cannot be passed.")
    assert lines[2].startswith("Next: Switch VT-d on in the firmware's setup")
