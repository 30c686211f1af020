"""A fork of a warm process against a process of its own: the same words, codes and folder, and nothing left over."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from lab.documents import VIRT_MANAGER
from tests.cli import warm
from tests.cli.command import EXAMPLE, command, environment


@pytest.mark.parametrize(
    ("arguments", "given", "code"),
    [
        (("patch", EXAMPLE), VIRT_MANAGER, 0),
        (("patch", EXAMPLE, "--check"), VIRT_MANAGER, 1),
        (("patch", EXAMPLE), "<network/>", 2),
        (("generate", "no-such-file"), "", 2),
    ],
)
def test_they_say_the_same(arguments: tuple[str, ...], given: str, code: int, tmp_path: Path) -> None:
    cold = subprocess.run(
        command(*arguments), cwd=tmp_path, env=environment(), input=given.encode(), capture_output=True, timeout=60
    )
    quick = warm.run(arguments, folder=tmp_path, given=given.encode(), environment=environment())
    assert (quick.returncode, quick.stdout, quick.stderr) == (cold.returncode, cold.stdout, cold.stderr)
    assert cold.returncode == code


def test_each_has_its_own_folder_and_environment(tmp_path: Path) -> None:
    """What one was given, the next one has not."""
    for name in "ab":
        folder = tmp_path / name
        folder.mkdir()
        changed = environment(HOME=str(folder))
        done = warm.run(("generate", EXAMPLE, "-o", "out"), folder=folder, given=b"", environment=changed)
        assert done.returncode == 0, done.stderr
        assert [path.name for path in folder.iterdir()] == ["out"]


def test_input_that_nobody_reads_holds_nobody_up(tmp_path: Path) -> None:
    done = warm.run(("--version",), folder=tmp_path, given=b"x" * (1 << 20), environment=environment())
    assert (done.returncode, done.stdout.split()[:1]) == (0, [b"optimux,"])
