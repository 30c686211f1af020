"""The program that is forked says what the one that is started says."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from lab.scenarios import program

if TYPE_CHECKING:
    from pathlib import Path

_SECONDS = 60


@pytest.mark.parametrize("arguments", [("gpu", "status", "/nowhere.toml"), ("gpu", "--help"), ("gpu", "nothing")])
def test_it_says_the_same_and_ends_the_same(arguments: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "optimux", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    assert program.called(*arguments, seconds=_SECONDS)[:3] == (done.returncode, done.stdout, done.stderr)


def test_twin_one_that_does_not_end_is_killed() -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        program.called("gpu", "--help", seconds=0)


def test_one_that_is_served_says_the_same_and_ends_the_same(tmp_path: Path) -> None:
    client = tmp_path / "optimux"
    program.serve(str(client), "/nowhere")
    for arguments in (("gpu", "status", "/nowhere.toml"), ("gpu", "--help")):
        done = subprocess.run([client, *arguments], capture_output=True, text=True, timeout=_SECONDS, check=False)
        assert program.called(*arguments, seconds=_SECONDS)[:3] == (done.returncode, done.stdout, done.stderr)


def test_one_that_nobody_serves_is_started(tmp_path: Path) -> None:
    client = tmp_path / "optimux"
    program.serve(str(client), "echo")
    client.write_text(re.sub("/[0-9]+ ", "/1 ", client.read_text()))
    assert subprocess.run([client, "gpu"], capture_output=True, text=True, timeout=_SECONDS).stdout == "gpu\n"
