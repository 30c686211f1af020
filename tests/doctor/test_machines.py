"""What doctor draws of the recorded machines, by the configuration that ``init`` writes for each, and without one."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from optimux.cli.doctor_picture import picture
from optimux.facts.detect.names import Names
from optimux.host.doctor.findings import report_of
from tests.detect.tree import MACHINES, described, names, plant

if TYPE_CHECKING:
    from optimux.host.doctor.findings import Report

EXPECTED = Path(__file__).parent / "machines"
WIDTH = 100


def drawn(found: Report) -> str:
    """Without our own files, none of which such a machine has: what they are called is not this test's business."""
    found = found.replace(results=tuple(result for result in found.results if result.key != "files.there"))
    file = io.StringIO()
    Console(file=file, width=WIDTH, highlight=False).print(picture(found))
    return "".join(f"{line.rstrip()}\n" for line in file.getvalue().splitlines())


@pytest.mark.parametrize("name", names())
def test_machine(name: str, tmp_path: Path, update_golden: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The names of devices are left out: they are those of this machine's pci.ids."""
    monkeypatch.setattr(Names, "of", lambda self, id_: None)
    tree = str(plant(tmp_path / "tree", described(name)))
    monkeypatch.chdir(tmp_path)
    text = drawn(report_of(None, None, tree, previous=False))
    config = MACHINES / name / "optimux.toml"
    if config.exists():
        (tmp_path / "optimux.toml").write_bytes(config.read_bytes())
        text += "\n\n" + drawn(report_of(None, None, tree, previous=False))
    expected = EXPECTED / f"{name}.txt"
    if update_golden:
        EXPECTED.mkdir(exist_ok=True)
        expected.write_text(text, encoding="utf-8")
    assert text == expected.read_text(encoding="utf-8")


def test_no_machine_is_left_over() -> None:
    assert {path.stem for path in EXPECTED.glob("*.txt")} == set(names())
