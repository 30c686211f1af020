"""Every recorded machine, from init to apply and back: refused where it cannot work, else brought there and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from optimux.cli import run
from optimux.facts.detect import Root, detect
from optimux.judge.finding import blocking
from optimux.judge.gpus import verdicts
from tests.apply.hosts import tree
from tests.detect.tree import described, names, plant

if TYPE_CHECKING:
    from pathlib import Path

    Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize("name", names())
def test_from_init_to_apply_and_back(name: str, tmp_path: Path, capsys: Capture) -> None:
    root = plant(tmp_path / "root", described(name))
    config = tmp_path / "optimux.toml"
    assert run(["init", "--root", str(root), "--yes", "--anyway", "-o", str(config)]) == 0
    facts = detect(Root.at(str(root)))
    before = tree(root)
    capsys.readouterr()
    code = run(["apply", str(config), "--root", str(root), "--yes"])
    said = capsys.readouterr().err
    given = [v for v in verdicts(facts) if f'"{v.device.address}"' in config.read_text() and v.role == "discrete"]
    reasons = [finding for verdict in given for finding in blocking(verdict.findings)]
    if facts.distribution == "nixos":
        assert (code, "nixos-rebuild" in said) == (1, True)
    elif reasons or facts.other_tools:
        assert code == 2, said
        assert all(finding.remedy in said for finding in reasons)
    else:
        assert code == 0, said
        capsys.readouterr()
        assert run(["apply", str(config), "--root", str(root), "--yes"]) == 0
        assert "nothing to do" in capsys.readouterr().err
        assert run(["rollback", "--root", str(root), "--yes"]) == 0
    assert tree(root) == before


def test_each_outcome_is_among_them(tmp_path: Path) -> None:
    """Else the above would prove less than it says."""
    outcomes = set()
    for name in names():
        root = plant(tmp_path / name, described(name))
        config = tmp_path / f"{name}.toml"
        run(["init", "--root", str(root), "--yes", "--anyway", "-o", str(config)])
        outcomes.add(run(["apply", str(config), "--root", str(root), "--dry-run"]))
    assert outcomes >= {0, 2}
