"""A bundle of more files than a login may have open."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FILES = 150
WRITE = """
import resource, sys
from pathlib import Path
from optimux.bundle.folder import write
from optimux.emit.artifact import Artifact
soft, hard, files, out = *map(int, sys.argv[1:4]), Path(sys.argv[4])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
write([Artifact(f"windows/v{number}/README.txt", b"a") for number in range(files)], out)
"""


def _write(soft: int, hard: int, out: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WRITE, str(soft), str(hard), str(FILES), str(out)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_soft_limit_is_no_limit(tmp_path: Path) -> None:
    out = tmp_path / "out"
    for _ in range(2):  # the second time what lies there is read as well
        done = _write(100, 4096, out)
        assert done.returncode == 0, done.stderr
    assert len([*out.rglob("README.txt")]) == FILES


def test_the_hard_limit_is_told(tmp_path: Path) -> None:
    done = _write(100, 100, tmp_path / "out")
    assert "OptimuxError" in done.stderr
    assert "Too many open files" in done.stderr
    assert [*tmp_path.iterdir()] == []
