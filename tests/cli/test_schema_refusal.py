"""What libvirt's schema says is answered in the user's words where the user wrote it, and as our fault where not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bad_input.edits import VM, edited, generate_from

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A schema that takes nothing, of every libvirt's version."""
    monkeypatch.setattr("optimux.libvirt.schema.is_oracle_for", lambda version: True)
    monkeypatch.setattr("optimux.libvirt.schema.violations", lambda text: ["Element domain failed to validate content"])


@pytest.mark.usefixtures("refused")
def test_a_fragment_at_the_wrong_place(tmp_path: Path, capsys: Capture) -> None:
    outcome = generate_from(tmp_path, edited({f"{VM}.extraXml": {"devices": "<rng model='virtio'/>"}}), capsys)
    assert (outcome.code, outcome.files) == (2, None)
    assert f"{VM}.extraXml: found Element domain failed to validate content" in outcome.errors
    assert "Correct the fragment" in outcome.errors


@pytest.mark.usefixtures("refused")
def test_what_we_wrote_ourselves(tmp_path: Path, capsys: Capture) -> None:
    outcome = generate_from(tmp_path, edited({}), capsys)
    assert (outcome.code, outcome.files) == (1, None)
    assert "libvirt's schema refuses domains/Windows11.xml" in outcome.errors
    assert "defect" not in outcome.errors
