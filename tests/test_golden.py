"""Every golden case yields exactly the bundle that is kept beside it. ``--update-golden`` writes what it yields now."""

from __future__ import annotations

import difflib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from optimux.emit.bundle import bundle
from tests.golden_cases import CASES, EXAMPLES, GOLDEN, Case, find_cases

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optimux.emit.artifact import Artifact


def write(artifacts: Sequence[Artifact], folder: Path) -> None:
    """Replace the folder by the artifacts."""
    if folder.exists():
        shutil.rmtree(folder)
    for artifact in artifacts:
        path = folder / artifact.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(artifact.content)
        path.chmod(artifact.mode)


def differences(artifacts: Sequence[Artifact], folder: Path) -> str:
    """What differs between the artifacts and the folder, as text; empty where nothing does."""
    new = {artifact.path: artifact for artifact in artifacts}
    old = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    lines = [f"expected, but not written: {path}" for path in sorted(old.keys() - new.keys())]
    lines += [f"written, but no golden: {path}" for path in sorted(new.keys() - old.keys())]
    for path in sorted(new.keys() & old.keys()):
        lines += _difference(new[path], old[path])
    return "\n".join(lines)


def _difference(new: Artifact, old: Path) -> list[str]:
    content = old.read_bytes()
    lines = []
    # Of the mode, version control keeps this bit alone.
    if bool(old.stat().st_mode & 0o100) != bool(new.mode & 0o100):
        lines.append(f"{new.path}: executable, or no longer")
    if content != new.content:
        one, other = (part.decode("utf-8", "backslashreplace").splitlines() for part in (content, new.content))
        lines += difflib.unified_diff(one, other, f"expected/{new.path}", f"generated/{new.path}", lineterm="")
        lines.append(f"{new.path}: {len(content)} bytes expected, {len(new.content)} generated")
    return lines


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_golden(case: Case, update_golden: bool) -> None:
    artifacts = bundle(case.plan())
    if update_golden:
        write(artifacts, case.expected)
    assert case.expected.is_dir(), f"{case.name} has no golden: run the tests with --update-golden and read the result"
    assert not (found := differences(artifacts, case.expected)), found


def test_every_folder_is_a_case() -> None:
    folders = {path.name for path in GOLDEN.iterdir() if path.is_dir()}
    assert folders == {case.name for case in CASES}, "a folder without a configuration proves nothing"
    assert {path.name for path in EXAMPLES.iterdir()} == {f"{case.name}.toml" for case in CASES if case.is_example}


def test_a_name_stands_once() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


class TestTheComparison:
    """The machinery itself: each kind of difference is seen."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        write(bundle(CASES[0].plan()), tmp_path / "expected")
        assert not differences(bundle(CASES[0].plan()), tmp_path / "expected")
        return tmp_path / "expected"

    def differs(self, folder: Path) -> str:
        return differences(bundle(CASES[0].plan()), folder)

    def a_file(self, folder: Path) -> Path:
        return next(path for path in sorted(folder.rglob("*.xml")) if path.is_file())

    def test_a_changed_byte(self, folder: Path) -> None:
        path = self.a_file(folder)
        path.write_bytes(path.read_bytes().replace(b"<", b"< ", 1))
        assert f"{path.name}: " in self.differs(folder)

    def test_a_missing_file(self, folder: Path) -> None:
        self.a_file(folder).unlink()
        assert "written, but no golden: " in self.differs(folder)

    def test_a_file_too_many(self, folder: Path) -> None:
        (folder / "stray").write_text("")
        assert "expected, but not written: stray" in self.differs(folder)

    def test_another_mode(self, folder: Path) -> None:
        self.a_file(folder).chmod(0o755)
        assert "executable" in self.differs(folder)

    def test_a_missing_golden(self, tmp_path: Path) -> None:
        (tmp_path / "new.toml").write_text('host = { distribution = "arch", cpuVendor = "intel" }')
        (case,) = find_cases(tmp_path, tmp_path / "golden")
        with pytest.raises(AssertionError, match="new has no golden"):
            test_golden(case, update_golden=False)
        test_golden(case, update_golden=True)
        test_golden(case, update_golden=False)
