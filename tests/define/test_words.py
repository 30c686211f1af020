"""What ``define`` says, with a libvirt that only remembers."""

from __future__ import annotations

from pathlib import Path

import pytest

from optimux.cli import run
from optimux.cli.define import _report
from optimux.libvirt.connection import Connection, Found
from optimux.libvirt.define import Step
from tests.cli.command import EXAMPLE, OTHER

Capture = pytest.CaptureFixture[str]
LATER = "it runs, and changes at its next start"


@pytest.mark.parametrize("running", [True, False])
@pytest.mark.parametrize(("before", "after"), [(None, "<b/>"), ("<a/>", "<b/>"), ("<a/>", "<a/>")])
def test_when_it_changes(before: str | None, after: str, running: bool, capsys: Capture) -> None:
    """Only a domain that runs and is updated changes later."""
    _report([Step("vm", "vm", before, after, running, None)])
    updated = before is not None and before != after
    assert (LATER in capsys.readouterr().err) == (running and updated)


@pytest.fixture
def defined(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A libvirt of another machine, so that no table is written; what was defined there."""
    known: list[str] = []

    def start(self: Connection, uri: str | None = None) -> None:
        self.uri = "qemu+ssh://other/system"

    def find(self: Connection, name: str) -> Found | None:
        return None

    monkeypatch.setattr(Connection, "__init__", start)
    monkeypatch.setattr(Connection, "__exit__", lambda *arguments: None)
    monkeypatch.setattr(Connection, "find", find)
    monkeypatch.setattr(Connection, "define", lambda self, xml: known.append(xml))
    return known


@pytest.mark.parametrize(("config", "warns"), [(OTHER, True), (EXAMPLE, False)], ids=["surprising", "plain"])
def test_warnings(config: str, warns: bool, defined: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["define", config, "--yes"]) == 0
    said = capfd.readouterr().err
    assert ("warning: " in said) == warns
    assert "the battery table must lie at" in said
    assert len(defined) == 1


@pytest.mark.parametrize("stdin", ["closed", "no terminal"])
def test_nobody_to_ask(
    stdin: str, defined: list[str], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Path("/dev/null").open() as null:
        monkeypatch.setattr("sys.stdin", None if stdin == "closed" else null)
        assert run(["define", EXAMPLE]) == 1
    assert "standard input is no terminal to ask on; add --yes" in capfd.readouterr().err
    assert defined == []
