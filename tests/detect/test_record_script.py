"""``docs/record.sh``: what detect says of the record is what it says of the machine."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from lab import CHECKOUT
from optimux.cli.detect import command
from optimux.facts.detect.root import WAKES
from tests.detect.test_machines import seen
from tests.detect.tree import described, names, plant

if TYPE_CHECKING:
    from typing import Any

SCRIPT = CHECKOUT / "docs" / "record.sh"


def record(to: Path, root: Path = Path("/"), script: Path = SCRIPT) -> Path:
    subprocess.run(["sh", str(script), str(to), str(root)], capture_output=True, timeout=120, check=True)
    return to


@pytest.mark.parametrize("name", names())
def test_of_each_machine(name: str, tmp_path: Path) -> None:
    tree = plant(tmp_path / "machine", described(name))
    copy = record(tmp_path / "recorded", tree)
    assert seen(copy) == seen(tree)
    files = {f"/{path.relative_to(copy)}" for path in copy.rglob("*")}
    assert any(path.endswith("/config") for path in map(str, tree.rglob("*")))
    assert not [path for path in files if WAKES.fullmatch(path)], "reading it resumes the device"


def test_twin_a_name_too_few(tmp_path: Path) -> None:
    script = tmp_path / "record.sh"
    script.write_text(SCRIPT.read_text().replace("|class|", "|"))
    tree = plant(tmp_path / "machine", described("xps-15-9560"))
    assert seen(tree)["gpus"]
    assert not seen(record(tmp_path / "recorded", tree, script))["gpus"]


def test_of_this_machine_as_a_folder_and_as_a_tar(tmp_path: Path) -> None:
    """Of the kernel's own files, whose sizes are not what sysfs says."""
    copy, packed = record(tmp_path / "recorded"), tmp_path / "recorded.tar.gz"
    subprocess.run(["tar", "-czf", str(packed), "-C", str(copy), "."], timeout=120, check=True)
    here = _detect()
    assert _detect("--root", str(copy)) == here
    assert _detect("--root", str(packed)) == here


def _detect(*arguments: str) -> dict[str, Any]:
    """Less what another process changes meanwhile, who asks, and what only another user may read."""
    data: dict[str, Any] = json.loads(CliRunner().invoke(command, ["--json", *arguments]).stdout)
    for key in ("hugepages", "user", "unseen"):
        data["facts"].pop(key, None)
    return data
