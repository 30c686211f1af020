"""What a machine saw of a domain is kept, so that other scenarios need not have it boot the same again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lab.scenarios import l2

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The domains that were run, in place of running them."""
    done: list[str] = []

    def run(_options: str, xml: str) -> dict[str, Any]:
        done.append(xml)
        return {"token": f"of run {len(done)}"}

    monkeypatch.setattr(l2, "run", run)
    monkeypatch.setattr(l2, "_SEEN", tmp_path / "seen")
    return done


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    """The options and the domain."""
    options, xml = tmp_path / "options.json", tmp_path / "win.xml"
    options.write_text("{}")
    xml.write_text("<domain/>")
    return str(options), str(xml)


def test_the_same_domain_is_run_once(runs: list[str], files: tuple[str, str]) -> None:
    assert [l2.once(*files) for _ in range(2)] == [{"token": "of run 1"}] * 2
    assert runs == [files[1]]


@pytest.mark.parametrize("changed", ["options.json", "win.xml"])
def test_twin_another_one_is_run(changed: str, runs: list[str], files: tuple[str, str], tmp_path: Path) -> None:
    l2.once(*files)
    (tmp_path / changed).write_text("<other/>")
    assert l2.once(*files) == {"token": "of run 2"}
    assert len(runs) == 2


def test_twin_a_run_that_failed_is_not_kept(
    runs: list[str], files: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_options: str, _xml: str) -> dict[str, Any]:
        raise RuntimeError("no report")

    with monkeypatch.context() as patch:
        patch.setattr(l2, "run", fails)
        with pytest.raises(RuntimeError):
            l2.once(*files)
    assert runs == []
    assert l2.once(*files) == {"token": "of run 1"}
