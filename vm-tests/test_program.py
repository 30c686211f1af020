"""The program that is forked says what the one that is started says."""

from __future__ import annotations

import subprocess
import sys

import pytest

from lab.scenarios import program

_SECONDS = 60


@pytest.mark.parametrize("arguments", [("gpu", "status", "/nowhere.toml"), ("gpu", "--help"), ("gpu", "nothing")])
def test_it_says_the_same_and_ends_the_same(arguments: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "optimux", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    assert program.called(*arguments, seconds=_SECONDS)[:3] == (done.returncode, done.stdout, done.stderr)


def test_twin_one_that_does_not_end_is_killed() -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        program.called("gpu", "--help", seconds=0)
